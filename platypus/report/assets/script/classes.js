// Classification: who is taken for whom, and what a threshold does.

const className = (index) => run.classes[index] ?? `class ${index}`;

function drawConfusion(networks) {
  const place = el('div');
  const files = el('p', {class: 'note', 'aria-live': 'polite'}, 'Point at a cell, or reach it with Tab, to see its recordings.');
  let network = networks[networks.length - 1];
  let asShare = false;

  // Recordings are known of the network that the run is about.
  const cell = (truth, taken, samples, share, last) => {
    const tell = () => {
      const of = run.testFiles.rows.filter((file) => file.label === truth && file.predicted[taken] > 0)
        .sort((a, b) => b.predicted[taken] - a.predicted[taken]);
      const names = of.slice(0, 8).map((file) => `${file.name} (${file.predicted[taken]})`).join(', ');
      files.textContent = `${className(truth)} taken for ${className(taken)}: ${plural(samples, 'sample')}` +
        (last && names ? `; recordings: ${names}${of.length > 8 ? `, and ${of.length - 8} more` : ''}` : '');
    };
    const tone = truth === taken ? 'hit' : 'miss';
    const text = asShare ? (isNumber(share) ? (100 * share).toFixed(1) : '–') : count(samples);
    return el('td', {class: tone},
              el('button', {type: 'button', onmouseenter: tell, onfocus: tell, onclick: tell, class: samples ? null : 'none',
                            'aria-label': `${className(truth)} taken for ${className(taken)}: ${samples}`}, text));
  };
  const draw = () => {
    const matrix = network.test.confusion;
    const columns = matrix.map((_, c) => matrix.reduce((sum, row) => sum + row[c], 0));
    const last = network === networks[networks.length - 1];
    const body = matrix.map((row, r) => {
      const real = row.reduce((sum, value) => sum + value, 0);
      const cells = row.map((samples, c) => {
        const td = cell(r, c, samples, real ? samples / real : null, last);
        td.style.setProperty('--w', `${(real ? 75 * samples / real : 0).toFixed(0)}%`);
        return td;
      });
      return el('tr', {}, el('th', {scope: 'row', class: 'text'}, className(r)), cells,
                el('td', {}, real ? percent(row[r] / real, 1) : '–'), el('td', {}, columns[r] ? percent(row[r] / columns[r], 1) : '–'));
    });
    place.replaceChildren(
      el('div', {class: 'facts'}, fact('accuracy', percent(network.test.accuracy)), fact('macro F1', number(network.test.f1)),
         fact('AUROC', number(network.test.auroc)), fact('samples', count(network.test.samples))),
      el('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Confusion Matrix'},
         el('table', {id: 'confusionMatrix', class: 'confusion'}, el('caption', {class: 'sr'}, `Confusion Matrix, ${network.name}, rows are the truth`),
            el('thead', {}, el('tr', {}, el('th', {class: 'text', scope: 'col'}, 'truth ↓  taken for →'),
                               matrix.map((_, c) => el('th', {scope: 'col'}, className(c))),
                               el('th', {scope: 'col'}, 'recall'), el('th', {scope: 'col'}, 'precision'))),
            el('tbody', {}, body))));
  };
  const units = choice('confusion-units', 'Unit of the cells', [{value: 'count', label: 'Samples'}, {value: 'percent', label: '% of the truth'}],
                       (value) => { asShare = value === 'percent'; draw(); });
  const which = choice('confusion-network', 'Network', networks.map((of) => ({value: of.key, label: of.name})),
                       (value) => { network = networks.find((of) => of.key === value); draw(); }, network.key);
  return el('div', {class: 'panel'}, el('div', {class: 'head'}, el('h3', {}, 'Confusion Matrix'), el('div', {class: 'tools'}, which, units)), place, files);
}

function drawThresholds(networks) {
  const of = networks.filter((network) => network.roc?.length);
  if (!of.length) return [];
  let network = of[of.length - 1];
  let chosen = 0;
  const totals = (c) => {
    const rows = network.test.confusion.map((row) => row.reduce((sum, value) => sum + value, 0));
    const positive = rows[c] ?? 0;
    return {positive, negative: rows.reduce((sum, value) => sum + value, 0) - positive};
  };
  const precision = (c, i) => {
    const {positive, negative} = totals(c);
    const right = network.roc[c].tpr[i] * positive;
    const taken = right + network.roc[c].fpr[i] * negative;
    return taken > 0 ? right / taken : 1;
  };
  const curve = (c, x, y) => ({label: `${className(c)} (AUC ${number(network.roc[c].area, 4)})`, group: className(c), paint: series(c), dots: 0,
                               width: c === chosen ? 3 : 1.5, points: network.roc[c].fpr.map((_, i) => ({x: x(c, i), y: y(c, i)}))});
  const fpr = (c, i) => network.roc[c].fpr[i];
  const tpr = (c, i) => network.roc[c].tpr[i];
  let at = 0;
  const point = (x, y) => ({label: '', line: false, dots: 7, solid: true, paint: '--ink', order: 0, points: [{x: x(chosen, at), y: y(chosen, at)}]});
  const all = (x, y) => network.roc.map((_, c) => c).filter((c) => network.roc[c].fpr.length).map((c) => curve(c, x, y));
  const rocSets = () => [...all(fpr, tpr), {label: '', paint: '--soft', dash: true, width: 1, dots: 0, points: [{x: 0, y: 0}, {x: 1, y: 1}]}, point(fpr, tpr)];
  const prSets = () => [...all(tpr, precision), point(tpr, precision)];
  const share = {percent: true, min: 0, max: 1};
  const tell = (item) => `${item.dataset.group}: ${percent(item.parsed.x, 1)} → ${percent(item.parsed.y, 1)}`;
  const roc = chartPanel({id: 'rocChart', title: 'ROC, each class against the rest', zoom: 'xy', x: {...share, title: 'false alarms'}, y: {...share, title: 'recall'},
                          heading: () => '', tell, sets: rocSets()});
  const pr = chartPanel({id: 'prChart', title: 'Precision and recall', zoom: 'xy', x: {...share, title: 'recall'}, y: {...share, title: 'precision'},
                         heading: () => '', tell, sets: prSets()});
  const redraw = () => {
    roc.replace(rocSets());
    pr.replace(prSets());
  };
  const picker = slider('threshold', 'Threshold of the score', network.roc[chosen].fpr.length, 0, (i) => {
    at = i;
    redraw();
    const {positive, negative} = totals(chosen);
    const [alarms, misses] = [fpr(chosen, i), 1 - tpr(chosen, i)];
    const threshold = network.roc[chosen].threshold[i];
    return [fact('score at least', threshold === null ? 'above all' : number(threshold)), fact(`false alarms, ${count(alarms * negative)} of ${count(negative)}`, percent(alarms), 'alarms'),
            fact(`missed, ${count(misses * positive)} of ${count(positive)}`, percent(misses), 'misses'), fact('precision', percent(precision(chosen, i)))];
  });
  const best = () => {
    const {fpr: f, tpr: t} = network.roc[chosen];
    return f.reduce((top, _, i) => (t[i] - f[i] > t[top] - f[top] ? i : top), 0);
  };
  const choose = (c) => {
    const first = chosen === c && remembered('threshold', null) !== null ? Number(picker.input.value) : best();
    chosen = c;
    picker.reset(network.roc[c].fpr.length, Math.min(first, network.roc[c].fpr.length - 1));
  };
  chosen = Math.min(remembered('threshold-class', 0), network.roc.length - 1);
  const classes = choice('threshold-class', 'Class', network.roc.map((_, c) => ({value: c, label: className(c)})), choose, chosen);
  const which = choice('threshold-network', 'Network', of.map((n) => ({value: n.key, label: n.name})), (value) => {
    network = of.find((n) => n.key === value);
    choose(chosen);
  }, network.key);
  return [panel('What a threshold would do', 'Where one class is an alarm: take a sample for it when its score is at least the threshold.',
                el('div', {class: 'tools'}, classes, which), picker.node), grid(roc.node, pr.node)];
}

function drawClasses() {
  const networks = run.networks.filter((network) => network.test?.confusion?.length);
  if (networks.length) show('results', drawConfusion(networks), ...drawThresholds(networks));
}
