// Layers with what they cost, and where the activations stand.

function layersTable() {
  const {layers} = run;
  if (!layers.length) return null;
  const total = (field) => layers.reduce((sum, layer) => sum + layer[field], 0);
  const most = (field) => Math.max(1, ...layers.map((layer) => layer[field]));
  const measured = total('instructions') > 0;
  const compared = layers.some((layer) => isNumber(layer.snr));
  const sized = (layer, field) => bar(layer[field] / most(field), count(layer[field]));
  const rows = layers.map((layer) => [layer.name, {text: layer.type, class: 'text'}, {text: layer.shape}, {text: count(layer.parameters), sort: layer.parameters}, {...sized(layer, 'macs'), sort: layer.macs},
    {text: count(layer.weight_octets), sort: layer.weight_octets}, {text: count(layer.activation_octets), sort: layer.activation_octets},
    ...(measured ? [{...sized(layer, 'instructions'), sort: layer.instructions}, ...['stack_octets', 'code_octets', 'linked_octets'].map((field) => ({text: count(layer[field]), sort: layer[field]}))] : []),
    ...(compared ? [isNumber(layer.snr) ? {...bar(layer.snr / 60, layer.snr.toFixed(1), layer.snr < 10 ? 'bad' : layer.snr < 20 ? 'tight' : 'good'), sort: layer.snr} : {text: '–', sort: 1e9}] : [])]);
  const columns = [{label: 'layer', text: true}, {label: 'type', text: true}, {label: 'output'}, {label: 'parameters'}, {label: 'MACs'}, {label: 'weights, octets'}, {label: 'activations, octets'},
                   ...(measured ? [{label: 'instructions (emulated)'}, {label: 'stack (emulated)'}, {label: 'code (linked)'}, {label: 'tables (linked)'}] : []), ...(compared ? [{label: 'signal to noise, dB'}] : [])];
  const sum = (text) => el('td', {}, text);
  const foot = el('tr', {}, el('th', {scope: 'row', class: 'text'}, 'all'), sum(''), sum(''), sum(count(total('parameters'))), sum(count(total('macs'))), sum(count(total('weight_octets'))), sum(''),
                  ...(measured ? [sum(count(total('instructions'))), sum(''), sum(count(total('code_octets'))), sum(count(total('linked_octets')))] : []), compared ? sum('') : null);
  return panel('Layers', compared ? 'Signal to noise: power of the float network\'s values over that of the integer network\'s error; below 20 dB a layer deserves a look.' : null,
               table('layers', columns, rows, {caption: 'Layers', foot}));
}

function memoryMap() {
  const {buffers, arena, bound} = run.memory;
  if (!buffers.length || !(arena > 0)) return null;
  const [width, height, left, bottom, top] = [760, 300, 64, 40, 14];
  const last = Math.max(...buffers.map((buffer) => buffer.last)) + 1;
  const x = (layer) => left + layer / last * (width - left - 8);
  const y = (address) => height - bottom - address / arena * (height - bottom - top);
  const reading = el('p', {class: 'note', 'aria-live': 'polite'}, 'Each block is a tensor: how long it lives, and where. Where two overlap, a layer writes over what it has read. Broken line: what no plan can do without.');
  const picture = svg('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Memory map: ${buffers.length} buffers in an arena of ${arena} octets`, id: 'memoryMap'});
  for (let i = 0; i <= 4; ++i) {
    const at = Math.round(arena * i / 4);
    picture.append(svg('line', {x1: left, x2: width - 8, y1: y(at), y2: y(at), class: 'rule'}), svg('text', {x: left - 6, y: y(at) + 4, 'text-anchor': 'end'}, count(at)));
  }
  const every = Math.ceil(last / 16);
  for (let layer = 0; layer < last; layer += every) picture.append(svg('text', {x: x(layer + 0.5), y: height - bottom + 16, 'text-anchor': 'middle'}, String(layer + 1)));
  buffers.forEach((buffer, i) => {
    const text = `${octets(buffer.size)} at ${buffer.offset}, alive from layer ${buffer.first + 1} to ${buffer.last + 1}`;
    const [w, h] = [x(buffer.last + 1) - x(buffer.first), y(buffer.offset) - y(buffer.offset + buffer.size)];
    const block = svg('g', {tabindex: 0, role: 'img', 'aria-label': text},
      svg('title', {}, text), svg('rect', {x: x(buffer.first) + 1, y: y(buffer.offset + buffer.size), width: Math.max(1, w - 2), height: Math.max(1, h - 1), rx: 3, fill: `var(${series(i)})`, 'fill-opacity': 0.85}));
    if (w > 56 && h > 15) block.append(svg('text', {x: x(buffer.first) + w / 2, y: y(buffer.offset) - h / 2 + 4, 'text-anchor': 'middle', class: 'within'}, octets(buffer.size)));
    const tell = () => { reading.textContent = text; };
    block.addEventListener('mouseenter', tell);
    block.addEventListener('focus', tell);
    picture.append(block);
  });
  picture.append(svg('line', {x1: left, x2: width - 8, y1: y(bound), y2: y(bound), class: 'bound'}),
                 svg('text', {x: left + (width - left) / 2, y: height - 6, 'text-anchor': 'middle'}, 'layer'),
                 svg('text', {x: 0, y: 0, 'text-anchor': 'middle', transform: `translate(12 ${(height - bottom) / 2}) rotate(-90)`}, 'octets'));
  return panel(`Memory map of the arena: ${count(arena)} octets`, null, el('div', {class: 'scroll'}, picture), reading);
}

function drawNetwork() {
  const parts = [layersTable(), memoryMap()].filter(Boolean);
  if (parts.length) show('network', ...parts);
}
