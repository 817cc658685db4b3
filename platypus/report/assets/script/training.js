// Curves by epoch, the quantised phase behind the float one.

function drawTraining() {
  const phases = run.networks.filter((network) => network.epochs.number.length);
  if (!phases.length) {
    if (run.state === 'running') show('training', el('p', {class: 'note'}, 'Waiting for training data…'));
    return;
  }
  const offsets = {};
  let behind = 0;
  for (const phase of phases) {
    offsets[phase.key] = behind;
    behind += Math.max(...phase.epochs.number);
  }
  const look = {float: {paint: series(0)}, quantized: {paint: series(1)}};
  const line = (phase, field, label, more = {}) => {
    const points = phase.epochs.number.map((n, i) => ({x: offsets[phase.key] + n, y: phase.epochs[field]?.[i]}))
      .filter((point) => isNumber(point.y));
    return points.length ? [{label: `${phase.short} ${label}`, points, ...look[phase.key], dots: points.length < 30 ? 2 : 0, solid: true, ...more}] : [];
  };
  const every = (field, label, more) => phases.flatMap((phase) => line(phase, field, label, more));
  const marks = () => [
    ...phases.filter((phase) => phase.best > 0).map((phase) => ({x: offsets[phase.key] + phase.best, label: `best: ${phase.best}`, colour: look[phase.key].paint})),
    ...phases.slice(1).map((phase) => ({x: offsets[phase.key], label: 'quantised', colour: '--soft', solid: true})),
  ];
  const heading = (item) => {
    const phase = [...phases].reverse().find((of) => item.dataset.label.startsWith(of.short));
    return `${phase.name}, epoch ${number(item.parsed.x - offsets[phase.key])}`;
  };
  const shared = {x: {title: 'epoch', whole: true}, hover: {mode: 'nearest', axis: 'x', intersect: false}, heading};
  const metrics = {
    classification: () => ({
      title: 'Accuracy', y: {title: 'Accuracy (%)', percent: true},
      sets: [...every('accuracy', 'Val Accuracy'), ...every('trainAccuracy', 'Train Accuracy', {dash: true, width: 1.5}),
             ...every('f1', 'Val F1', {hidden: true, dash: true, paint: series(2), group: 'Val F1'}),
             ...every('auroc', 'Val AUC', {hidden: true, dash: true, paint: series(3), group: 'Val AUC'})],
    }),
    regression: () => ({
      title: 'Determination and error', y: {title: 'R²-Score'}, y2: {title: 'MSE'},
      sets: [...every('r2', 'Val R²-Score'), ...every('mse', 'Val MSE', {dash: true, axis: 'y2', width: 1.5})],
    }),
    forecasting: () => ({
      title: 'Error of the forecasts', y: {title: 'SMAPE (%)'}, y2: {title: 'R²-Score'},
      sets: [...every('smape', 'Val SMAPE'), ...every('r2', 'Val R²-Score', {dash: true, axis: 'y2', width: 1.5, hidden: true})],
    }),
    anomalydetection: () => ({
      title: 'Reconstruction error of normal samples', y: {title: 'MSE'}, sets: every('mse', 'Val MSE'),
    }),
  }[run.kind]();
  const note = `Broken line${phases.length > 1 ? 's: the best epoch of each phase' : ': the best epoch'}, which is the one that is exported.`;
  show('training', grid(
    chartPanel({id: 'metricsChart', note, marks, rows: phases.length > 1 ? 2 : 1, ...shared, ...metrics}).node,
    chartPanel({id: 'lossChart', title: 'Loss', marks, rows: phases.length > 1 ? 2 : 1, ...shared, y: {title: 'loss'},
                sets: [...every('trainLoss', 'Train Loss', {dash: true, width: 1.5}), ...every('loss', 'Val Loss')]}).node,
    chartPanel({id: 'rateChart', title: 'Learning rate', ...shared, height: 200, y: {title: 'learning rate'}, sets: every('rate', 'Learning Rate')}).node,
    chartPanel({id: 'secondsChart', title: 'Time of an epoch', ...shared, height: 200, y: {title: 'seconds', min: 0}, sets: every('seconds', 'Epoch Time')}).node));
}
