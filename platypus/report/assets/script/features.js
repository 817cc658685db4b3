// What samples look like: projections of all, and what the classes have in common.

function drawProjections() {
  return run.projections.filter((of) => of.x.length).map((projection, p) => {
    const split = {train: 'Train Data', val: 'Validation Data', test: 'Test Data'}[projection.split] ?? projection.split;
    const axis = (i) => `component ${i + 1}` + (projection.explained[i] > 0 ? ` (${percent(projection.explained[i], 0)})` : '');
    const point = (i) => ({x: projection.x[i], y: projection.y[i]});
    const places = projection.x.map((_, i) => i);
    let sets;
    let scale = null;
    if (projection.labels.length) {
      const used = [...new Set(projection.labels)].sort((a, b) => a - b);
      sets = used.map((c) => ({label: className(c), points: places.filter((i) => projection.labels[i] === c).map(point), paint: series(c), line: false, dots: 3, opacity: 0.6}));
    } else {
      const finite = projection.values.filter(isNumber);
      const [low, high] = [Math.min(...finite), Math.max(...finite)];
      sets = [{label: run.targets[0] ?? 'samples', points: places.map(point), paint: series(0), line: false, dots: 3, opacity: 0.75,
               colours: finite.length ? projection.values.map((value) => scaleColour((value - low) / (high - low || 1))) : undefined}];
      if (finite.length) {
        scale = el('div', {class: 'heat-scale'}, el('span', {}, `${run.targets[0] ?? ''} ${number(low, 3)}`),
                   el('i', {style: {background: `linear-gradient(90deg, ${run.scale.join(',')})`}}), el('span', {}, number(high, 3)));
      }
    }
    const chart = chartPanel({id: `projection${p}`, title: `${projection.method}, ${split}`, zoom: 'xy', height: 320, legend: projection.labels.length > 0,
                              x: {title: axis(0)}, y: {title: axis(1)}, heading: () => '', tell: (item) => item.dataset.label, sets});
    if (scale) chart.node.querySelector('.canvas').after(scale);
    return chart.node;
  });
}

// A sample of [channel][height][width] as one line for each channel, or as the rows of a heat map.
function channelsOf(values) {
  const [channels] = run.shape;
  const length = values.length / channels;
  return Array.from({length: channels}, (_, c) => values.slice(c * length, (c + 1) * length));
}
// Frames that a sample holds one after the other become rows of their own.
function rowsOf(values) {
  const frames = run.shape[2] > 1 ? run.shape[1] : run.frames;
  return channelsOf(values).flatMap((channel) => {
    if (frames < 2 || channel.length % frames !== 0) return [channel];
    const width = channel.length / frames;
    return Array.from({length: frames}, (_, f) => channel.slice(f * width, (f + 1) * width));
  });
}

function drawProfiles() {
  const profiles = run.profiles.filter((profile) => profile.mean.length);
  if (!profiles.length) return null;
  const chart = chartPanel({id: 'profileChart', title: profiles.length > 1 ? 'What the samples of each class look like' : 'What the samples look like', height: 320,
                            x: {title: '', whole: true}, y: {title: 'value'}, hover: hoverX, sets: [],
                            note: 'Lines: mean of the training samples; bands: one standard deviation to both sides.'});
  let channel = 0;
  let joined = false;
  const draw = () => chart.replace(profiles.flatMap((profile, c) => {
    const rows = [channelsOf(profile.mean)[channel], channelsOf(profile.deviation)[channel] ?? []];
    const [middle, spread] = joined ? meanFrame(...rows) : rows;
    const side = (sign) => middle.map((value, i) => ({x: i + 1, y: value + sign * (spread[i] ?? 0)}));
    return [{label: profile.name, group: profile.name, points: middle.map((y, i) => ({x: i + 1, y})), paint: series(c), dots: 0},
            {label: '', group: profile.name, points: side(1), paint: series(c), band: true, dots: 0, fill: '+1'},
            {label: '', group: profile.name, points: side(-1), paint: series(c), band: true, dots: 0}];
  }), {x: joined ? {title: 'place within a frame', max: channelsOf(profiles[0].mean)[0].length / run.frames} : {title: 'place within the sample', max: channelsOf(profiles[0].mean)[0].length}});
  const views = run.frames > 1 && channelsOf(profiles[0].mean)[0].length % run.frames === 0
    ? [{value: 'joined', label: `Mean of the ${run.frames} frames`}, {value: 'all', label: 'All frames'}] : [{value: 'all', label: ''}];
  const frames = choice('profile-frames', 'Frames', views, (value) => { joined = value === 'joined'; draw(); });
  const channels = choice('profile-channel', 'Channel', Array.from({length: run.shape[0]}, (_, c) => ({value: c, label: `Channel ${c + 1}`})), (value) => { channel = value; draw(); });
  chart.node.querySelector('.tools').prepend(...[frames, channels].filter(Boolean));
  return chart.node;
}

// What the frames of a sample have in common: their mean, and how values spread within frames and between them.
function meanFrame(means, deviations) {
  const width = means.length / run.frames;
  const over = (values, i) => Array.from({length: run.frames}, (_, f) => values[f * width + i] ?? 0);
  const middle = Array.from({length: width}, (_, i) => mean(over(means, i)));
  const spread = middle.map((value, i) => Math.sqrt(mean(over(deviations, i).map((d) => d * d)) + mean(over(means, i).map((m) => (m - value) ** 2))));
  return [middle, spread];
}

function drawFeatures() {
  const projections = drawProjections();
  const profiles = drawProfiles();
  if (!projections.length && !profiles) return;
  show('features', profiles, projections.length ? el('h3', {class: 'above'}, run.projections.some((p) => p.method === 'PCA') ? 'PCA Feature Visualization' : 'Projections') : null,
       projections.length ? el('div', {class: 'grid three'}, ...projections) : null);
}
