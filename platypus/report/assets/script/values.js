// Regression and forecasting: wanted against given, what is left over, step by step.

function valueMetrics() {
  const rows = [];
  const add = (name, of) => rows.push([name, {text: number(of.smape), sort: of.smape}, {text: number(of.r2), sort: of.r2},
                                       {text: number(Math.sqrt(of.mse)), sort: of.mse}, {text: number(of.mae), sort: of.mae}]);
  for (const network of run.networks) if (network.test) add(`network, ${network.name.toLowerCase()}`, network.test);
  for (const baseline of run.baselines) add(baseline.name, baseline.test);
  return panel('Beside what needs no network', null,
               table('valueMetrics', [{label: 'test split', text: true}, {label: 'SMAPE, %'}, {label: 'R²'}, {label: 'RMSE'}, {label: 'MAE'}], rows,
                     {caption: 'Metrics of networks and baselines'}));
}

const mean = (values) => {
  const finite = values.filter(isNumber);
  return finite.length ? finite.reduce((sum, value) => sum + value, 0) / finite.length : null;
};

function perVariable(last) {
  const targets = run.targets.length;
  const of = (outputs, t, field) => mean((outputs ?? []).filter((_, i) => i % targets === t).map((output) => output[field]));
  const rows = run.targets.map((name, t) => [
    name, of(last.bestOutputs, t, 'smape'), of(last.bestOutputs, t, 'r2'), of(last.test?.outputs, t, 'smape'), of(last.test?.outputs, t, 'r2'),
  ].map((value, i) => (i === 0 ? value : {text: isNumber(value) ? value.toFixed(i % 2 ? 2 : 4) : '—', sort: value})));
  return panel('Per-Variable Forecasting Metrics', 'Means over the steps ahead; best epoch on the validation split.',
               table('perVariable', [{label: 'Variable', text: true}, {label: 'Best Epoch SMAPE, %'}, {label: 'Best Epoch R²'}, {label: 'Test SMAPE, %'}, {label: 'Test R²'}],
                     rows, {caption: 'Per-Variable Forecasting Metrics'}));
}

function bySteps(last) {
  const targets = run.targets.length;
  const steps = run.horizon;
  if (steps < 2 || !last.test?.outputs?.length) return null;
  const line = (outputs, t, field) => Array.from({length: steps}, (_, s) => ({x: s + 1, y: outputs[s * targets + t]?.[field]})).filter((p) => isNumber(p.y));
  const panelOf = chartPanel({id: 'stepChart', title: 'By step ahead', x: {title: 'steps ahead', whole: true, tight: true}, y: {title: ''}, hover: hoverX, sets: []});
  let field = 'smape';
  let target = 0;
  const draw = () => panelOf.replace([
    {label: 'network', points: line(last.test.outputs, target, field), paint: series(1), dots: 3, solid: true, width: 2.5},
    ...run.baselines.filter((baseline) => baseline.test.outputs?.length).map((baseline, i) => (
      {label: baseline.name, points: line(baseline.test.outputs, target, field), paint: series(i + 2), dash: true, dots: 2, solid: true, width: 1.5})),
  ], {y: {title: {smape: 'SMAPE (%)', r2: 'R²', mae: 'MAE'}[field]}});
  const measure = choice('step-measure', 'Measure', [{value: 'smape', label: 'SMAPE'}, {value: 'r2', label: 'R²'}, {value: 'mae', label: 'MAE'}], (v) => { field = v; draw(); });
  const which = choice('step-target', 'Variable', run.targets.map((name, t) => ({value: t, label: name})), (v) => { target = v; draw(); });
  panelOf.node.querySelector('.tools').prepend(...[which, measure].filter(Boolean));
  return panelOf.node;
}

function drawPairs() {
  const {outputs, wanted, given} = run.values;
  if (!outputs || !wanted.length) return [];
  const targets = Math.max(1, run.targets.length);
  const samples = wanted.length / outputs;
  let target = 0;
  let step = 0;
  const scatter = chartPanel({id: 'pairsChart', title: 'Wanted and given', zoom: 'xy', x: {title: 'wanted'}, y: {title: 'given'},
                              heading: () => '', tell: (item) => `wanted ${number(item.parsed.x)}, given ${number(item.parsed.y)}`, sets: [],
                              note: 'On the broken line both are the same.'});
  const rest = chartPanel({id: 'residualChart', title: 'Residuals', x: {title: 'wanted − given'}, y: {title: 'share of samples', percent: true, min: 0}, marks: () => [], sets: [], hover: hoverX});
  const time = chartPanel({id: 'seriesChart', title: 'One after the other', x: {title: 'test sample', max: samples}, y: {title: 'value'}, hover: hoverX, sets: []});
  const draw = () => {
    const place = step * targets + target;
    const pairs = Array.from({length: samples}, (_, i) => ({x: wanted[i * outputs + place], y: given[i * outputs + place]}));
    const all = pairs.flatMap((pair) => [pair.x, pair.y]).filter(isNumber);
    const [low, high] = [Math.min(...all), Math.max(...all)];
    scatter.replace([
      {label: 'test samples', points: pairs, paint: series(0), line: false, dots: 3, opacity: 0.45},
      {label: 'equal', points: [{x: low, y: low}, {x: high, y: high}], paint: '--soft', dash: true, width: 1.5, dots: 0}]);
    const left = pairs.map((pair) => pair.x - pair.y).filter(isNumber);
    const bins = histogram(left, 40);
    const middle = mean(left);
    const spread = Math.sqrt(mean(left.map((value) => (value - middle) ** 2)));
    const width = bins.length > 1 ? bins[1].x - bins[0].x : 1;
    const bell = spread > 0 ? Array.from({length: 81}, (_, i) => {
      const x = middle + (i - 40) / 10 * spread;
      return {x, y: width / spread / Math.sqrt(2 * Math.PI) * Math.exp(-(((x - middle) / spread) ** 2) / 2)};
    }).filter((point) => point.x >= bins[0].x && point.x <= bins[bins.length - 1].x) : [];
    rest.replace([{label: 'residuals', points: bins, paint: series(0), stepped: 'after', area: 0.3, dots: 0, width: 1},
                  {label: 'normal distribution', points: bell, paint: series(2), dots: 0, width: 1.5, dash: true}],
                 {marks: () => [{x: middle, label: `mean ${number(middle, 3)}`, colour: '--ink'}]});
    time.replace([{label: 'given', points: pairs.map((pair, i) => ({x: i + 1, y: pair.y})), paint: series(1), dots: 0, width: 1.5},
                  {label: 'wanted', points: pairs.map((pair, i) => ({x: i + 1, y: pair.x})), paint: '--soft', dots: 0, width: 2}]);
  };
  const which = choice('pair-target', 'Target', run.targets.map((name, t) => ({value: t, label: name})), (v) => { target = v; draw(); });
  const steps = choice('pair-step', 'Steps ahead', Array.from({length: outputs / targets}, (_, s) => ({value: s, label: `${s + 1}`})), (v) => { step = v; draw(); });
  // What can be told apart, to begin with.
  const first = 150;
  if (samples > 2 * first) time.zoom(1, first);
  const pick = which || steps ? el('div', {class: 'tools bare'}, which, steps ? el('span', {class: 'note'}, 'steps ahead') : null, steps) : null;
  return [pick, run.kind === 'forecasting' ? time.node : null, grid(scatter.node, rest.node), run.kind === 'forecasting' ? null : time.node];
}

// Shares of equally wide pieces, at their left ends; the last point closes the last piece.
function histogram(values, pieces, log = false) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const at = (i) => (log ? low * (high / low) ** (i / pieces) : low + (high - low) * i / pieces);
  const counts = new Array(pieces).fill(0);
  for (const value of values) {
    const share = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    counts[Math.max(0, Math.min(pieces - 1, Math.floor((share || 0) * pieces)))] += 1;
  }
  return [...counts, counts[pieces - 1]].map((n, i) => ({x: at(i), y: n / values.length}));
}

function drawValues() {
  const last = run.networks[run.networks.length - 1];
  if (!last?.test && !last?.bestOutputs?.length) return;
  const parts = [];
  if (last.test) parts.push(el('div', {class: 'grid wide-right'}, valueMetrics(), run.kind === 'forecasting' ? perVariable(last) : null));
  else if (run.kind === 'forecasting') parts.push(perVariable(last));
  if (run.kind === 'forecasting') parts.push(bySteps(last));
  show('results', ...parts, ...drawPairs());
}
