// Anomaly detection: errors of normal and of anomalous samples, and what a threshold does.

function drawAnomalies() {
  const networks = run.networks.filter((network) => network.anomaly);
  if (!networks.length) return;
  let {anomaly} = networks[networks.length - 1];
  const spread = () => anomaly.deviation;
  const rates = (threshold) => {
    // Of sorted errors: how many are above.
    const above = (errors) => {
      let [low, high] = [0, errors.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (errors[middle] > threshold) high = middle;
        else low = middle + 1;
      }
      return errors.length ? (errors.length - low) / errors.length : 0;
    };
    const recall = above(anomaly.anomalous);
    const alarms = above(anomaly.normal);
    const hits = recall * anomaly.anomalousCount;
    const taken = hits + alarms * anomaly.normalCount;
    const precision = taken > 0 ? hits / taken : null;
    return {recall, alarms, precision, f1: precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0};
  };
  let places = [];
  let threshold = anomaly.chosen.threshold;
  const k = (value) => (spread() > 0 ? (value - anomaly.mean) / spread() : null);
  const marks = () => [{x: anomaly.chosen.threshold, label: `in the C: ${number(anomaly.chosen.threshold)}`, colour: '--p1', solid: true},
                       ...(places.length && Math.abs(threshold / anomaly.chosen.threshold - 1) > 1e-3 ? [{x: threshold, label: 'picked', colour: '--ink'}] : [])];
  const errors = chartPanel({id: 'errorChart', title: 'Reconstruction errors of the test split', x: {title: 'reconstruction error', log: true},
                             y: {title: 'share of samples', percent: true, min: 0}, marks, rows: 2, sets: [], zoom: 'x'});
  const sweep = chartPanel({id: 'sweepChart', title: 'Every threshold', x: {title: 'threshold', log: true}, y: {title: 'share', percent: true, min: 0, max: 1},
                            marks, rows: 2, sets: [], hover: hoverX});
  const picker = slider('anomaly-threshold', 'Threshold of the error', 1, 0, (i) => {
    threshold = places[i] ?? threshold;
    const at = rates(threshold);
    errors.chart.update('none');
    sweep.chart.update('none');
    return [fact('threshold', number(threshold)), fact('deviations above the mean', number(k(threshold), 3)),
            fact(`found, ${count(at.recall * anomaly.anomalousCount)} of ${count(anomaly.anomalousCount)} anomalies`, percent(at.recall), 'misses'),
            fact(`false alarms, ${count(at.alarms * anomaly.normalCount)} of ${count(anomaly.normalCount)} normal`, percent(at.alarms), 'alarms'),
            fact('precision', percent(at.precision)), fact('F1', number(at.f1))];
  });
  let log = true;
  const draw = () => {
    const all = [...anomaly.normal, ...anomaly.anomalous].filter((value) => !log || value > 0);
    if (!all.length) return;
    const [low, high] = [Math.min(...all), Math.max(...all, anomaly.chosen.threshold)];
    const at = (i, n) => (log ? low * (high / low) ** (i / n) : low + (high - low) * i / n);
    const n = 240;
    // One of the slider's places is the threshold in effect.
    places = [...Array.from({length: n + 1}, (_, i) => at(i, n)), anomaly.chosen.threshold].sort((a, b) => a - b);
    const bins = (values) => (values.length ? histogram(values.filter((value) => !log || value > 0), 48, log && Math.min(...values) < Math.max(...values)) : []);
    errors.replace([{label: 'normal', points: bins(anomaly.normal), paint: series(0), stepped: 'after', area: 0.3, dots: 0, width: 1.5},
                    {label: 'anomalous', points: bins(anomaly.anomalous), paint: series(4), stepped: 'after', area: 0.3, dots: 0, width: 1.5}],
                   {x: {log, min: low, max: high}});
    const swept = places.map((place) => ({place, ...rates(place)}));
    const line = (field) => swept.map((of) => ({x: of.place, y: of[field]}));
    sweep.replace([{label: 'recall', points: line('recall'), paint: series(1), dots: 0}, {label: 'false alarms', points: line('alarms'), paint: series(4), dots: 0},
                   {label: 'precision', points: line('precision'), paint: series(3), dots: 0, width: 1.5, dash: true},
                   {label: 'F1', points: line('f1'), paint: series(2), dots: 0, width: 1.5, dash: true}], {x: {log, min: low, max: high}});
    const kept = remembered('anomaly-threshold', null);
    picker.reset(places.length, kept ?? places.indexOf(anomaly.chosen.threshold));
  };
  const which = choice('anomaly-network', 'Network', networks.map((of) => ({value: of.key, label: of.name})), (value) => {
    ({anomaly} = networks.find((of) => of.key === value));
    draw();
  }, networks[networks.length - 1].key);
  const axis = choice('anomaly-axis', 'Axis', [{value: 'log', label: 'Logarithmic'}, {value: 'linear', label: 'Linear'}], (value) => {
    log = value === 'log';
    draw();
  });
  const last = networks[networks.length - 1].anomaly;
  const row = (name, of) => [name, {text: number(of.k, 2), sort: of.k}, {text: number(of.threshold, 6), sort: of.threshold}, {text: percent(of.recall), sort: of.recall},
                             {text: percent(of.precision), sort: of.precision}, {text: percent(of.f1), sort: of.f1}, {text: percent(of.alarms), sort: of.alarms}];
  const areas = [...networks.map((network) => [`network, ${network.name.toLowerCase()}`, {text: number(network.anomaly.auroc), sort: network.anomaly.auroc}]),
                 ...run.baselines.map((baseline) => [baseline.name, {text: number(baseline.auroc), sort: baseline.auroc}])];
  show('results',
       panel('What a threshold would do', 'A sample is an anomaly when its reconstruction error is above the threshold. ' +
             `The training samples have errors of ${number(last.mean)} ± ${number(last.deviation)}.`,
             el('div', {class: 'tools'}, which, axis), picker.node),
       grid(errors.node, sweep.node),
       el('div', {class: 'grid wide-left'}, panel('Thresholds', null, table('thresholds', [{label: 'threshold', text: true}, {label: 'k'}, {label: 'error'}, {label: 'recall'}, {label: 'precision'}, {label: 'F1'}, {label: 'false alarms'}],
                  [row('in effect (in the C)', last.chosen), row('best F1 of the sweep', last.best), ...last.sweep.map((of) => row(`mean + ${number(of.k)} deviations`, of))],
                  {caption: 'Thresholds'})),
            panel('Area under the ROC', 'Of the test split; a network that is no better than what needs none is not worth its flash.',
                  table('areas', [{label: 'test split', text: true}, {label: 'AUROC'}], areas, {caption: 'Areas'}))));
}
