#include "platypus/base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "platypus/base/error.h"

namespace platypus {
namespace fs = std::filesystem;

bool HasProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const fs::path candidate = fs::path(rest.substr(0, end)) / name;
    if (access(candidate.c_str(), X_OK) == 0) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

ProcessResult RunProcess(const std::vector<std::string>& command, const fs::path& folder,
                         int seconds, const std::function<void(std::string_view)>& show) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0)
    Fail(Category::kToolchain, "cannot start {}: {}", command[0], std::strerror(errno));
  const pid_t child = fork();
  if (child < 0)
    Fail(Category::kToolchain, "cannot start {}: {}", command[0], std::strerror(errno));
  if (child == 0) {
    setpgid(0, 0);
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(pipe_ends[1], STDOUT_FILENO);
    dup2(pipe_ends[1], STDERR_FILENO);
    if (chdir(folder.c_str()) == 0) execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(pipe_ends[1]);
  ProcessResult result;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  constexpr size_t kMost = 1 << 20;
  char buffer[4096];
  std::string line;
  const auto show_lines = [&](std::string_view text) {
    line += text;
    for (size_t end; (end = line.find('\n')) != std::string::npos; line.erase(0, end + 1))
      show(std::string_view(line).substr(0, end));
  };
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd wait{pipe_ends[0], POLLIN, 0};
    const int ready = left.count() > 0 ? poll(&wait, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      result.timed_out = true;
      kill(-child, SIGKILL);
      break;
    }
    const ssize_t n = read(pipe_ends[0], buffer, sizeof buffer);
    if (n <= 0) break;
    if (result.output.size() < kMost) result.output.append(buffer, static_cast<size_t>(n));
    if (show) show_lines({buffer, static_cast<size_t>(n)});
  }
  if (!line.empty()) show(line);
  close(pipe_ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (result.status == 127 && result.output.empty()) {
    Fail(Category::kToolchain, "cannot start {}", command[0]);
  }
  return result;
}

}  // namespace platypus
