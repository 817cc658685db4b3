// The recordings of the test split: which are wrong, and what they look like.

function recordingsTable() {
  const {rows, total} = run.testFiles;
  if (!rows.length) return null;
  const cells = rows.map((file) => {
    const samples = file.predicted.reduce((sum, n) => sum + n, 0);
    const wrong = samples - (file.predicted[file.label] ?? 0);
    const taken = file.predicted.map((n, c) => [n, c]).filter(([n, c]) => n && c !== file.label).sort((a, b) => b[0] - a[0]);
    return [file.name, className(file.label), samples, {text: count(wrong), sort: wrong, class: wrong ? 'wrong' : ''}, bar(wrong / samples, percent(wrong / samples, 1), 'bad'),
            {text: taken.map(([n, c]) => `${className(c)} (${n})`).join(', ') || '–', class: 'text'}];
  });
  const columns = [{label: 'recording', text: true}, {label: 'True Class', text: true}, {label: 'samples'}, {label: 'wrong'}, {label: 'share wrong'}, {label: 'taken for', text: true}];
  const most = 12;
  const place = el('div', {}, table('recordingsTable', columns, cells.slice(0, most), {caption: 'File-Level Classification Summary'}));
  const more = cells.length > most ? el('button', {type: 'button', onclick: () => {
    place.replaceChildren(table('recordingsTable', columns, cells, {caption: 'File-Level Classification Summary'}));
    more.remove();
  }}, `All ${plural(cells.length, 'recording')}`) : null;
  const wrong = rows.filter((file) => file.predicted.some((n, c) => n && c !== file.label)).length;
  return panel('File-Level Classification Summary', `${plural(total, 'recording')} in all, ${wrong ? `${count(wrong)}${rows.length < total ? ' or more' : ''} of them with mistakes; most mistakes first.` : 'none with a mistake.'}` +
               (rows.length < total ? ` The ${count(rows.length)} with the most mistakes are listed.` : ''), place, more);
}

// Channels can be of very different size: each row may have a scale of its own.
function mapOf(rows) {
  const title = [run.shape[0] > 1 ? plural(run.shape[0], 'channel') : '', run.frames > 1 ? plural(run.frames, 'frame') : '', plural(rows[0].length, 'feature')].filter(Boolean).join(' × ');
  const place = el('div');
  const scale = choice('feature-scale', 'Scale', run.shape[0] > 1 ? [{value: 'one', label: 'One scale'}, {value: 'own', label: 'A scale for each row'}] : [{value: 'one', label: ''}],
    (value) => place.replaceChildren(heatMap('featureMap', title, rows, {rowName: run.frames > 1 ? 'frame' : 'channel', columnName: 'feature', label: 'Feature map', own: value === 'own'})));
  return el('div', {}, scale, place);
}

function viewRecording(view, place) {
  const rows = rowsOf(view.features);
  const unit = view.seconds > 0 ? 'seconds (rows, where no sampling rate is known)' : 'piece';
  const signal = view.signal.length ? chartPanel({
    id: 'signalChart', title: 'Raw signal', height: 260, x: {title: unit, tight: true}, y: {title: 'value'}, hover: hoverX, legend: true,
    note: 'Lowest and highest value of every stretch.',
    sets: view.signal.flatMap((column, c) => {
      const at = (i) => (view.seconds > 0 ? i * view.seconds / Math.max(1, column.low.length - 1) : i + 1);
      const line = (values, label) => ({label, group: column.column, points: values.map((y, i) => ({x: at(i), y})), paint: series(c), dots: 0, width: 1, hidden: c > 3});
      return [{...line(column.high, `${column.column}, highest`), fill: '+1', area: 0.35}, line(column.low, `${column.column}, lowest`)];
    }),
  }) : null;
  const told = view.taken_for && view.taken_for !== view.truth ? ` taken for ${view.taken_for}` : '';
  const features = view.features.length ? el('div', {class: 'panel'}, el('h3', {}, `Features of sample ${view.worst + 1}${told && ','}${told}`),
    rows.length > 1 ? mapOf(rows) : null,
    rows.length === 1 || run.shape[0] === 1 ? chartPanel({id: 'featureChart', title: 'As a line', height: rows.length > 1 ? 160 : 220, x: {title: 'place within the sample', max: view.features.length}, y: {title: 'value'},
      sets: [{label: 'feature', points: view.features.map((y, i) => ({x: i + 1, y})), paint: series(3), dots: 0, width: 1.5}]}).node : null) : null;
  const facts = [view.truth ? fact('true class', view.truth) : null, fact(view.samples === 1 ? 'sample' : 'samples', count(view.samples)),
                 run.classes.length && run.kind === 'classification' ? fact('wrong', count(view.wrong), view.wrong ? 'bad' : '') : fact('mean squared error', number(view.error))];
  place.replaceChildren(el('h4', {class: 'name'}, view.name), el('div', {class: 'facts'}, facts.filter(Boolean)), grid(...[signal?.node, features].filter(Boolean)));
}

function drawViews() {
  const views = [...run.worst.map((view) => ({...view, kind: 'worst'})), ...run.typical.map((view) => ({...view, kind: 'typical'}))];
  if (!views.length) return null;
  const place = el('div', {class: 'view'});
  const label = (view) => `${view.name}` + (view.kind === 'typical' ? ', typical' : '');
  const list = el('div', {class: 'picks', role: 'group', 'aria-label': 'Recording'});
  let shown = [];
  const pick = (i) => {
    for (const chart of shown) {
      charts.splice(charts.indexOf(chart), 1);
      chart.destroy();
    }
    const before = charts.length;
    viewRecording(views[i], place);
    shown = charts.slice(before);
    remember('recording', i);
    [...list.querySelectorAll('button')].forEach((button, k) => button.setAttribute('aria-pressed', String(k === i)));
  };
  views.forEach((view, i) => list.append(el('button', {type: 'button', 'aria-pressed': 'false', title: label(view), onclick: () => pick(i)},
    el('b', {}, view.kind === 'worst' ? `worst ${i + 1}` : `typical ${view.truth}`), ' ',
    el('span', {}, run.kind === 'classification' ? `${view.wrong}/${view.samples} wrong` : `error ${number(view.error, 3)}`))));
  pick(Math.min(remembered('recording', 0), views.length - 1));
  return panel('Recordings to look at', 'Those that the network got most wrong, and some that are as they should be, each with the sample it got most wrong.', list, place);
}

function drawRecordings() {
  const parts = [recordingsTable(), drawViews()].filter(Boolean);
  if (parts.length) show('recordings', ...parts);
}
