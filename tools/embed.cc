// embed NAME ROOT LIST OUTPUT: writes a C++ source that holds the listed files as constants.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: embed NAME ROOT LIST OUTPUT\n");
    return 2;
  }
  const std::string root = std::string(argv[2]) + "/";
  std::ifstream list(argv[3]);
  std::ofstream out(argv[4]);
  std::vector<std::string> names;
  std::vector<size_t> sizes;
  out << "#include \"platypus/base/embedded.h\"\nnamespace platypus::embedded {\nnamespace {\n";
  for (std::string path; std::getline(list, path);) {
    if (path.empty()) continue;
    std::ifstream in(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    out << "const unsigned char kFile" << names.size() << "[] = {";
    for (size_t i = 0; i < text.size(); ++i) {
      if (i % 32 == 0) out << '\n';
      out << static_cast<int>(static_cast<unsigned char>(text[i])) << ',';
    }
    out << "0};\n";
    names.push_back(path.rfind(root, 0) == 0 ? path.substr(root.size()) : path);
    sizes.push_back(text.size());
  }
  out << "const File kFiles[] = {\n";
  for (size_t i = 0; i < names.size(); ++i) {
    out << "  {\"" << names[i] << "\", {reinterpret_cast<const char*>(kFile" << i << "), "
        << sizes[i] << "}},\n";
  }
  out << "  {{}, {}}};\n}  // namespace\n";
  out << "std::span<const File> " << argv[1] << "() { return {kFiles, " << names.size() << "}; }\n";
  out << "}  // namespace platypus::embedded\n";
  return out.good() ? 0 : 1;
}
