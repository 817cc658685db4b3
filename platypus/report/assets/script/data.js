// The data set: how much, how balanced, what is odd about it.

const splitName = {train: 'train', val: 'validation', test: 'test'};
const splits = ['train', 'val', 'test'];

function balance() {
  const known = splits.filter((split) => run.statistics[split]?.classes.length);
  if (!known.length) return null;
  const names = run.statistics[known[0]].classes.map(([name]) => name);
  const of = (split, name) => run.statistics[split].classes.find(([other]) => other === name)?.[1] ?? 0;
  const most = Math.max(1, ...known.flatMap((split) => names.map((name) => of(split, name))));
  const rows = names.map((name) => [name, ...known.map((split) => bar(of(split, name) / most, count(of(split, name))))]);
  return panel('Samples of each class', null, table('balance', [{label: 'class', text: true}, ...known.map((split) => ({label: splitName[split]}))], rows, {caption: 'Samples of each class'}));
}

function statistics() {
  const rows = [];
  for (const split of splits) {
    const of = run.statistics[split];
    if (!of) continue;
    const add = (name, values) => rows.push([splitName[split], {text: name, class: 'text'}, ...values.map((value) => ({text: number(value), sort: value}))]);
    add('features', of.features);
    for (const [name, values] of of.targets) add(name, values);
  }
  if (!rows.length) return null;
  return panel('Values', null, table('statistics', [{label: 'split', text: true}, {label: 'of', text: true}, {label: 'from'}, {label: 'to'}, {label: 'mean'}, {label: 'deviation'}], rows, {caption: 'Statistics of the values'}));
}

function drawData() {
  const parts = [];
  const card = (label, value, small) => el('div', {class: 'card'}, el('b', {}, value), el('span', {}, label), small ? el('small', {}, small) : null);
  const counted = splits.filter((split) => isNumber(run.samples[split]));
  if (counted.length) {
    const all = counted.reduce((sum, split) => sum + run.samples[split], 0);
    parts.push(el('div', {class: 'cards small'},
      counted.map((split) => card(`samples to ${{train: 'train', val: 'validate', test: 'test'}[split]}`, count(run.samples[split]),
                                  [all ? percent(run.samples[split] / all, 0) : '', isNumber(run.files[split]) ? plural(run.files[split], 'recording') : ''].filter(Boolean).join(', '))),
      run.classes.length ? card('classes', count(run.classes.length)) : null,
      run.targets.length ? card('targets', count(run.targets.length), run.targets.join(', ')) : null,
      run.shape.length ? card('elements of a sample', count(run.shape.reduce((a, b) => a * b, 1)), run.shape.join(' × ')) : null));
  }
  if (run.warnings.length) {
    parts.push(el('div', {class: 'panel warning', id: 'dataWarnings'}, el('h3', {}, 'Worth a look'), el('ul', {}, run.warnings.map((text) => el('li', {}, text)))));
  }
  parts.push(grid(...[balance(), statistics()].filter(Boolean)));
  if (run.skipped.length) {
    parts.push(panel('Recordings passed over', null, table('skipped', [{label: 'recording', text: true}, {label: 'reason', text: true}],
                     run.skipped.map(([file, reason]) => [file, {text: reason, class: 'text wrap'}]), {caption: 'Recordings passed over'})));
  }
  if (counted.length || run.warnings.length || run.skipped.length) show('data', ...parts);
}
