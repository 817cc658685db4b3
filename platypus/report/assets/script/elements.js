// Elements, numbers as text, tables, choices. Texts of the run only ever become text nodes.

const run = JSON.parse(document.getElementById('run').textContent);

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') node.className = value;
    else if (name === 'style') Object.assign(node.style, value);
    else if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
const count = (value) =>
  isNumber(value) ? Math.round(value).toLocaleString('en').replaceAll(',', '\u2009') : '–';
const percent = (share, digits = 2) =>
  isNumber(share) ? (100 * share).toFixed(digits) + '\u00a0%' : '–';
function number(value, digits = 4) {
  if (!isNumber(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2);
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(digits)));
}
function octets(value) {
  if (!isNumber(value)) return '–';
  if (value < 1024) return count(value) + '\u00a0B';
  if (value < 1024 * 1024) return (value / 1024).toFixed(1) + '\u00a0KiB';
  return (value / 1024 / 1024).toFixed(2) + '\u00a0MiB';
}
function duration(seconds) {
  if (!isNumber(seconds)) return '–';
  if (seconds < 1e-3) return number(seconds * 1e6, 3) + '\u00a0µs';
  if (seconds < 1) return number(seconds * 1e3, 3) + '\u00a0ms';
  if (seconds < 90) return number(seconds, 3) + '\u00a0s';
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? minutes + '\u00a0min' : (minutes / 60).toFixed(1) + '\u00a0h';
}
const plural = (n, one, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`;

// What the reader chose, across the refreshes of a running page.
function remembered(key, otherwise) {
  try {
    const value = sessionStorage.getItem('platypus.' + key);
    return value === null ? otherwise : JSON.parse(value);
  } catch {
    return otherwise;
  }
}
function remember(key, value) {
  try {
    sessionStorage.setItem('platypus.' + key, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing for files: the page works without.
  }
}

// A section of the page with its content, seen from now on.
function show(id, ...children) {
  const section = document.getElementById(id);
  section.append(...children.flat().filter(Boolean));
  section.hidden = false;
}

const panel = (title, note, ...children) =>
  el('div', {class: 'panel'}, title ? el('h3', {}, title) : null,
     note ? el('p', {class: 'note'}, note) : null, ...children);
const grid = (...children) => el('div', {class: 'grid'}, ...children);

// One of several, as buttons of a group: [{value, label}]. Calls `choose` at once and when it changes.
function choice(key, label, options, choose, first = options[0]?.value) {
  const kept = remembered(key, first);
  let value = options.some((option) => option.value === kept) ? kept : first;
  if (options.length < 2) {
    choose(value);
    return null;
  }
  const pick = (next) => {
    value = next;
    remember(key, value);
    choose(value);
  };
  let control;
  if (options.length > 6) {
    control = el('select', {id: 'choice-' + key, onchange: (event) => pick(options[event.target.selectedIndex].value)},
                 options.map((option) => el('option', {selected: option.value === value}, option.label)));
    control = el('label', {class: 'choice'}, label + ' ', control);
  } else {
    control = el('fieldset', {class: 'choice', id: 'choice-' + key}, el('legend', {class: 'sr'}, label),
                 options.map((option) => el('label', {},
                     el('input', {type: 'radio', name: key, value: String(option.value), checked: option.value === value,
                                  onchange: () => pick(option.value)}),
                     el('span', {}, option.label))));
  }
  choose(value);
  return control;
}

// A range with a text that says what its place means; `describe` returns nodes.
function slider(key, label, steps, first, describe) {
  const output = el('div', {class: 'reading', role: 'status'});
  const input = el('input', {type: 'range', id: 'slider-' + key, min: 0, max: Math.max(0, steps - 1), step: 1, 'aria-label': label});
  const tell = () => output.replaceChildren(...describe(Number(input.value), input));
  input.value = Math.min(Math.max(0, steps - 1), remembered(key, first));
  input.addEventListener('input', () => {
    remember(key, Number(input.value));
    tell();
  });
  const node = el('div', {class: 'slider'}, el('label', {for: input.id}, label), input, output);
  return {node, input, tell,
          reset(n, at) {
            input.max = Math.max(0, n - 1);
            input.value = at;
            tell();
          }};
}

const fact = (label, value, tone) =>
  el('span', {class: 'fact' + (tone ? ' ' + tone : '')}, el('b', {}, value), ' ', label);

// columns: [{label, text?}] (text: left, else numbers); cells: text, number, node or
// {text, sort, class, node}. A heading sorts by its column.
function table(id, columns, rows, {caption = '', sortable = rows.length > 2, foot = null} = {}) {
  const body = el('tbody');
  const plain = (cell) => (cell !== null && typeof cell === 'object' && !(cell instanceof Node) ? cell : {text: cell});
  const worth = (cell) => plain(cell).sort ?? plain(cell).text ?? '';
  const fill = (order) => body.replaceChildren(...order.map((row) => el('tr', {}, row.map((cell, i) => {
    const {text, node, class: name, title} = plain(cell);
    const content = node ?? (typeof text === 'number' ? number(text, 5) : text ?? '–');
    const tag = i === 0 ? 'th' : 'td';
    return el(tag, {class: [columns[i].text ? 'text' : '', name ?? ''].join(' ').trim() || null, title,
                    scope: i === 0 ? 'row' : null}, content);
  }))));
  let sorted = null;
  const heads = columns.map((column, i) => {
    if (!sortable) return el('th', {scope: 'col', class: column.text ? 'text' : null}, column.label);
    const head = el('th', {scope: 'col', class: column.text ? 'text' : null, 'aria-sort': 'none'});
    head.append(el('button', {type: 'button', onclick: () => {
      const falling = sorted?.column === i ? !sorted.falling : !column.text;
      sorted = {column: i, falling};
      const order = [...rows].sort((a, b) => {
        const [x, y] = [worth(a[i]), worth(b[i])];
        const less = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y));
        return falling ? -less : less;
      });
      heads.forEach((other, k) => other.setAttribute('aria-sort', k !== i ? 'none' : falling ? 'descending' : 'ascending'));
      fill(order);
    }}, column.label));
    return head;
  });
  fill(rows);
  return el('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption || 'Table'},
            el('table', {id}, caption ? el('caption', {class: 'sr'}, caption) : null,
               el('thead', {}, el('tr', {}, heads)), body, foot ? el('tfoot', {}, foot) : null));
}

// A length within a cell, beside its number.
const bar = (share, text, tone = '') => ({
  sort: share,
  node: el('span', {class: 'bar ' + tone}, el('i', {hidden: !(share > 0), style: {width: (100 * Math.min(1, Math.max(0, share || 0))).toFixed(1) + '%'}}),
           el('span', {}, text)),
});

const series = (index) => `--p${((index % 12) + 12) % 12}`;
// What the page's style calls a colour; read once for each theme.
const palette = new Map();
function colour(name) {
  if (!palette.has(name)) palette.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim() || name);
  return palette.get(name);
}
function faded(name, opacity) {
  const hex = name.startsWith('--') ? colour(name) : name;
  return hex + Math.round(255 * opacity).toString(16).padStart(2, '0');
}
// Of the scale that the pictures of the run have, 0 to 1.
function scaleColour(share) {
  const at = Math.min(1, Math.max(0, share)) * (run.scale.length - 1);
  const low = Math.min(run.scale.length - 2, Math.floor(at));
  const part = at - low;
  const channels = [1, 3, 5].map((i) => {
    const [a, b] = [run.scale[low], run.scale[low + 1]].map((hex) => parseInt(hex.slice(i, i + 2), 16));
    return Math.round(a + (b - a) * part).toString(16).padStart(2, '0');
  });
  return '#' + channels.join('');
}
