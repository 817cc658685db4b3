// What quantisation does to each layer: bits, ranges, what they cost.

const bitsText = (bits) => (bits === 0 ? '–' : bits === 32 ? 'float' : String(bits));

function quantizedLayersTable(of) {
  const metric = of.metric === 'accuracy' ? (value) => percent(value) : (value) => number(value, 5);
  const optional = (value, text) => (isNumber(value) ? {text: text(value), sort: value} : {text: '–', sort: -1e9});
  const rows = of.layers.map((layer) => [
    layer.name, {text: layer.type, class: 'text'},
    layer.weights ? {text: count(layer.weights), sort: layer.weights} : '–',
    {text: layer.weights ? bitsText(layer.weightBits) : '–', sort: layer.weightBits},
    layer.weights ? {text: layer.octets.map(count).join(' / '), sort: layer.octets[0]} : '–',
    layer.weights && layer.weightBits < 32 ? {text: percent(layer.atEnds, 1), sort: layer.atEnds} : '–',
    {text: bitsText(layer.bits), sort: layer.bits},
    layer.bits ? {text: `${number(layer.low, 3)} … ${number(layer.high, 3)}`, sort: layer.high} : '–',
    layer.bits ? {text: `${percent(layer.atLow, 1)} / ${percent(layer.atHigh, 1)}`, sort: layer.atHigh} : '–',
    isNumber(layer.snr) ? {...bar(layer.snr / 60, layer.snr.toFixed(1), layer.snr < 10 ? 'bad' : layer.snr < 20 ? 'tight' : 'good'), sort: layer.snr} : {text: '–', sort: 1e9},
    optional(layer.alone, metric), {text: layer.whyFloat || '', class: 'text'}]);
  const columns = [{label: 'layer', text: true}, {label: 'type', text: true}, {label: 'weights'}, {label: 'bits'}, {label: 'octets at 8 / 4 / 2 bits'}, {label: 'weights at the ends'},
                   {label: 'bits of values'}, {label: 'range of values'}, {label: 'codes at the ends'}, {label: 'signal to noise, dB'}, {label: of.metric + ' alone'}, {label: 'in float because of', text: true}];
  return panel('Layers', `On ${count(of.samples)} samples to validate ${of.metric} is ${metric(of.float)} in float and ${metric(of.integers)} with integers; "alone": in float but for that layer.`,
               table('quantizedLayers', columns, rows, {caption: 'Quantised layers'}));
}

// Bars of a histogram, the chosen range as two lines.
function histogramChart(id, title, axis, histogram, range) {
  const {low, high, counts} = histogram;
  const width = (high - low) / counts.length || 1;
  const points = counts.flatMap((n, i) => [{x: low + i * width, y: n}, {x: low + (i + 1) * width, y: n}]);
  const ends = range.filter(isNumber);
  return chartPanel({id, title, height: 240, x: {title: axis, min: Math.min(low, ...ends), max: Math.max(high, ...ends)}, y: {title: 'values', min: 0, whole: true}, rows: 1,
                     marks: () => ends.map((x) => ({x, label: number(x, 3), colour: '--p1'})),
                     sets: [{label: 'values', points, paint: '--p0', area: 0.35}]}).node;
}

function quantizedRanges(of) {
  const shown = of.layers.filter((layer) => layer.weightValues.counts.length || layer.values.counts.length);
  if (!shown.length) return null;
  const place = el('div', {class: 'grid'});
  const control = choice('quantizedLayer', 'Layer', shown.map((layer, i) => ({value: i, label: layer.name})), (i) => {
    const layer = shown[i];
    const parts = [];
    if (layer.weightValues.counts.length) {
      const range = layer.weightBits < 32 ? [-layer.weightRange, layer.weightRange] : [];
      parts.push(histogramChart('weightHistogram', `Weights, ${bitsText(layer.weightBits)}${range.length ? ' bits' : ''}`, 'weight', layer.weightValues, range));
    }
    if (layer.values.counts.length) parts.push(histogramChart('valueHistogram', `Values, ${layer.bits} bits`, 'value', layer.values, [layer.low, layer.high]));
    place.replaceChildren(...parts);
  });
  return panel('Weights and values with the range that has codes', null, control, place);
}

function automaticBits({choice: chosen}) {
  if (!chosen) return null;
  const rows = chosen.layers.map((layer) => [layer.name, {text: count(layer.weights), sort: layer.weights}, {text: number(layer.trace / Math.max(1, layer.weights), 3), sort: layer.trace / Math.max(1, layer.weights)}, {text: bitsText(layer.bits), sort: layer.bits}]);
  return panel('Automatic bits', `${number(chosen.average, 3)} bits a weight on average, ${count(chosen.octets)} octets of weights.`,
               table('automaticBits', [{label: 'layer', text: true}, {label: 'weights'}, {label: 'Hessian trace a weight'}, {label: 'bits'}], rows, {caption: 'Automatic bits'}));
}

function drawQuantization() {
  if (!run.quantization) return;
  show('quantization', quantizedLayersTable(run.quantization), quantizedRanges(run.quantization), automaticBits(run.quantization));
}
