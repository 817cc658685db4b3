// Where it all comes from: configuration, times, hashes, notices, and how to do it again.

// Lines of `platypus config`: a section, then "  key  value  origin".
function configuration() {
  let section = '';
  const rows = [];
  for (const line of run.configuration.split('\n')) {
    const entry = /^ {2}(\S+) +(.*\S) {2,}(\S.*)$/.exec(line);
    if (entry) rows.push({section, key: entry[1], value: entry[2].trim(), origin: entry[3].trim()});
    else if (line.trim() && !line.startsWith(' ')) section = line.trim();
  }
  if (!rows.length) return null;
  const place = el('div');
  const found = el('span', {class: 'note', role: 'status'});
  let own = false;
  const input = el('input', {type: 'search', id: 'configurationFilter', placeholder: 'Filter', 'aria-label': 'Filter the configuration'});
  const fill = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const seen = rows.filter((row) => (!own || !row.origin.startsWith('default')) && words.every((word) => `${row.section}.${row.key} ${row.value} ${row.origin}`.toLowerCase().includes(word)));
    found.textContent = `${count(seen.length)} of ${count(rows.length)}`;
    place.replaceChildren(table('configuration', [{label: 'key', text: true}, {label: 'value', text: true}, {label: 'from', text: true}],
      seen.map((row) => [`${row.section}.${row.key}`, {text: row.value, class: 'text wrap'}, {text: row.origin, class: 'text' + (row.origin.startsWith('default') ? ' default' : '')}]), {caption: 'Configuration'}));
  };
  input.value = remembered('configuration-filter', '');
  input.addEventListener('input', () => {
    remember('configuration-filter', input.value);
    fill();
  });
  const which = choice('configuration-own', 'Which', [{value: 'all', label: 'All'}, {value: 'own', label: 'Without defaults'}], (value) => { own = value === 'own'; fill(); }, 'own');
  return el('div', {class: 'panel'}, el('div', {class: 'head'}, el('h3', {}, 'Configuration'), el('div', {class: 'tools'}, found, which, input)), el('div', {class: 'tall'}, place));
}

function times() {
  if (!run.seconds.length) return null;
  const all = run.seconds.reduce((sum, [, seconds]) => sum + seconds, 0);
  return panel('Time', `${duration(all)} in all.`, table('times', [{label: 'stage', text: true}, {label: 'time'}, {label: 'share'}],
    run.seconds.map(([stage, seconds]) => [stage, {text: duration(seconds), sort: seconds}, bar(seconds / all, percent(seconds / all, 0))]), {caption: 'Time of the stages'}));
}

function drawOrigin() {
  const parts = [];
  if (run.notices.length) parts.push(panel('Notices', null, el('ul', {id: 'notices'}, run.notices.map((text) => el('li', {}, text)))));
  if (run.command) {
    const code = el('code', {}, run.command);
    const copy = el('button', {type: 'button', onclick: async () => {
      try {
        await navigator.clipboard.writeText(run.command);
        copy.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(code);
      }
    }}, 'Copy');
    parts.push(panel('Again', 'The same command, data and version give the same octets.', el('div', {class: 'command'}, el('pre', {id: 'command'}, code), copy)));
  }
  const facts = run.facts.filter(([, value]) => value);
  parts.push(grid(...[times(), facts.length ? panel('Origin', null, table('facts', [{label: 'fact', text: true}, {label: 'value', text: true}], facts.map(([name, value]) => [name, {text: value, class: 'text wrap'}]), {caption: 'Origin', sortable: false})) : null].filter(Boolean)));
  parts.push(configuration());
  show('origin', ...parts);
}
