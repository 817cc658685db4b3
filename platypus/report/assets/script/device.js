// Whether it fits, how fast it is, and whether the C computes what the host computes.

function fitBars() {
  const {fit} = run;
  if (!fit) return null;
  const meter = (label, used, limit, show, more) => {
    if (!(used > 0)) return null;
    const share = limit > 0 ? used / limit : null;
    const tone = share === null ? 'unknown' : share > 1 ? 'bad' : share > 0.8 ? 'tight' : 'good';
    return el('div', {class: `meter ${tone}`}, el('div', {class: 'head'}, el('b', {}, label),
        el('span', {}, share === null ? `${show(used)}, limit not known` : `${show(used)} of ${show(limit)}`, share === null ? '' : ` · ${percent(share, share < 0.1 ? 1 : 0)}`)),
      share === null ? null : el('div', {class: 'track', role: 'meter', 'aria-label': label, 'aria-valuenow': Math.round(100 * share), 'aria-valuemin': 0, 'aria-valuemax': 100},
         el('i', {style: {width: `${Math.min(100, Math.max(0.6, 100 * share))}%`}})),
      share > 1 ? el('p', {class: 'note'}, 'It does not fit.') : null, more ? el('p', {class: 'note'}, more) : null);
  };
  const rate = fit.seconds_used > 0 ? `At most ${number(1 / fit.seconds_used, 3)} inferences a second.` : '';
  const assumption = [fit.clock_hz > 0 ? `${number(fit.clock_hz / 1e6)} MHz` : '', fit.cycles_per_instruction > 0 ? `${number(fit.cycles_per_instruction)} cycles an instruction` : '', fit.assumption]
    .filter(Boolean).join(', ');
  return panel(`Does it fit ${fit.device}?`, null, el('div', {id: 'deviceFit'},
    meter('Flash (linked)', fit.flash_used, fit.flash_octets, octets), meter('RAM (linked)', fit.ram_used, fit.ram_octets, octets),
    meter('Time of an inference (estimated)', fit.seconds_used, fit.seconds_available ?? 0, duration, [rate, assumption ? `Assumed: ${assumption}.` : ''].filter(Boolean).join(' '))));
}

function comparison() {
  const worth = (test, anomaly) => (anomaly ? number(anomaly.auroc) : !test ? '–' : run.kind === 'classification' ? percent(test.accuracy) : run.kind === 'forecasting' ? number(test.smape) : number(test.r2));
  const name = {classification: 'accuracy', regression: 'R²', forecasting: 'SMAPE, %', anomalydetection: 'AUROC'}[run.kind];
  const rows = run.networks.filter((network) => network.test).map((network) => [`${network.name}, host`, worth(network.test, network.anomaly), '–', '–', '–', '–', '–', {text: '', class: 'text'}]);
  for (const core of run.verify) {
    if (!core.ran) {
      rows.push([`C, ${core.core}`, '–', '–', '–', '–', '–', '–', {text: core.notice, class: 'text wrap'}]);
      continue;
    }
    const differ = core.mismatches + core.recording_mismatches;
    const sized = (value) => (value > 0 ? {text: count(value), sort: value, title: octets(value)} : '–');
    rows.push([`C, ${core.core}`, isNumber(core.accuracy) ? percent(core.accuracy) : differ === 0 ? 'as on the host' : '–', sized(core.flash_bytes), sized(core.ram_bytes), sized(core.stack_bytes),
               {text: core.instructions ? count(core.instructions) : '–'}, {text: core.feature_instructions ? count(core.feature_instructions) : '–'},
               {text: differ === 0 ? `${count(core.samples)} samples, ${count(core.recordings)} recordings: bit for bit` : `${count(core.mismatches)} of ${count(core.samples)} samples, ${count(core.recording_mismatches)} of ${count(core.recordings)} recordings differ. ${core.first_difference}`,
                class: 'text wrap ' + (differ ? 'bad' : 'good')}]);
  }
  if (!rows.length) return null;
  return panel('Float, quantised and C', 'The C is played every test sample, and raw recordings through feature extraction and network.',
               table('comparison', [{label: 'what runs', text: true}, {label: name}, {label: 'flash, octets (linked)'}, {label: 'RAM (linked)'}, {label: 'stack (emulated)'}, {label: 'instructions (emulated)'}, {label: 'for features (emulated)'}, {label: 'compared with the host', text: true}],
                     rows, {caption: 'Float, quantised and C', sortable: false}));
}

function accelerator() {
  if (!run.npu) return null;
  const title = `The neural accelerator of ${run.device}`;
  const sum = (layers) => layers.reduce((macs, layer) => macs + layer.macs, 0);
  const all = sum(run.npu);
  const there = all > 0 ? sum(run.npu.filter((layer) => layer.runs)) / all : 1;
  return panel(title, `By its published limits ${percent(there)} of the multiply-accumulates would run there. The generated C does not use it.`,
               table('npu', [{label: 'layer', text: true}, {label: 'type', text: true}, {label: 'what would become of it', text: true}],
                     run.npu.map((layer) => [layer.layer, {text: layer.type, class: 'text'}, {text: layer.text, class: 'text wrap ' + (layer.runs ? 'good' : 'bad')}]),
                     {caption: title}));
}

function drawDevice() {
  const parts = [fitBars(), run.verify.length || run.networks.some((network) => network.test) ? comparison() : null, accelerator()].filter(Boolean);
  if (parts.length) show('device', ...parts);
}
