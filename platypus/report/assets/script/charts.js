// Charts of Chart.js in the page's colours, with a legend of buttons, keys, zoom and a table.

const charts = [];

// Vertical lines with a text above the chart: spec.marks = () => [{x, label, colour, solid}].
Chart.register({
  id: 'marks',
  afterDatasetsDraw(chart) {
    const {ctx, chartArea: area, scales: {x}} = chart;
    const taken = [];
    for (const mark of chart.marks?.() ?? []) {
      const at = x.getPixelForValue(mark.x);
      if (!(at >= area.left - 1 && at <= area.right + 1)) continue;
      ctx.save();
      ctx.strokeStyle = ctx.fillStyle = colour(mark.colour ?? '--soft');
      ctx.setLineDash(mark.solid ? [] : [5, 4]);
      ctx.lineWidth = mark.solid ? 2 : 1;
      ctx.beginPath();
      ctx.moveTo(at, area.top);
      ctx.lineTo(at, area.bottom);
      ctx.stroke();
      if (mark.label) {
        ctx.font = '11px system-ui, sans-serif';
        const width = ctx.measureText(mark.label).width;
        const left = Math.max(0, Math.min(at - width / 2, chart.width - width));
        let row = 0;
        while (taken.some(([a, b, r]) => r === row && a < left + width + 8 && b > left - 8)) ++row;
        taken.push([left, left + width, row]);
        ctx.fillText(mark.label, left, area.top - 5 - 13 * row);
      }
      ctx.restore();
    }
  },
});
Chart.defaults.font.family = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
Chart.defaults.animation = false;
Chart.defaults.maintainAspectRatio = false;
Chart.defaults.responsive = true;

function scaleOptions(axis, place) {
  return {
    type: axis.log ? 'logarithmic' : 'linear',
    position: place,
    min: axis.min,
    max: axis.max,
    bounds: axis.tight ? 'data' : 'ticks',
    title: {display: Boolean(axis.title), text: axis.title, font: {size: 12}},
    ticks: {
      font: {size: 11}, maxRotation: 0, autoSkipPadding: 14, includeBounds: !axis.tight, precision: axis.whole ? 0 : undefined,
      callback(value, index, ticks) {
        if (axis.percent) return Math.round(value * 1000) / 10 + ' %';
        if (axis.log) {
          const mantissa = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
          return ticks.length < 12 || [1, 2, 5].some((m) => Math.abs(mantissa - m) < 0.01) ? number(value, 3) : '';
        }
        return number(value, 6);
      },
    },
    grid: place === 'right' ? {drawOnChartArea: false} : {},
  };
}

// Colours of a data set are names of the page's style and become colours here; of a chart, or of what will be one.
function paint(chart) {
  const ink = colour('--ink');
  const soft = colour('--soft');
  const line = colour('--line');
  for (const scale of Object.values(chart.options.scales)) {
    scale.ticks.color = soft;
    scale.title.color = soft;
    scale.grid.color = line;
    scale.border = {color: line};
  }
  Object.assign(chart.options.plugins.tooltip, {
    backgroundColor: colour('--tip'), titleColor: ink, bodyColor: ink, borderColor: line, borderWidth: 1, padding: 10,
    boxPadding: 4, usePointStyle: true,
  });
  chart.options.plugins.zoom.zoom.drag.backgroundColor = faded('--p0', 0.15);
  for (const set of chart.data.datasets) {
    const {paint: name, opacity = 1, band, colours, area} = set.look;
    const plain = Array.isArray(name) ? name : colour(name);
    set.borderColor = band ? 'transparent' : plain;
    set.backgroundColor = band ? faded(name, 0.16) : area ? faded(name, area)
      : colours ? colours.map((c) => faded(c, opacity)) : faded(name, opacity);
    set.pointBorderColor = set.pointRadius > 0 && set.showLine === false ? 'transparent' : set.borderColor;
    set.pointBackgroundColor = set.backgroundColor;
    if (set.solidPoints) set.pointBackgroundColor = set.pointBorderColor = plain;
  }
}

// spec: {id, title, note, label, x, y, y2, marks, rows (of their texts), height, zoom, hover, sets}
//   sets: {label, points: [{x, y}], paint, dash, width, dots, line, axis, band, area, stepped, fill,
//          opacity, hidden, group}. Sets of one group share a legend button.
// Returns {node, chart, zoom(min, max), replace(sets, axes)}.
function chartPanel(spec) {
  const canvas = el('canvas', {id: spec.id, tabindex: 0, role: 'img', 'aria-label': spec.label ?? spec.title});
  const legend = el('div', {class: 'legend', role: 'group', 'aria-label': 'Series'});
  const reset = el('button', {type: 'button', class: 'quiet', hidden: true, onclick: () => {
    chart.resetZoom();
    reset.hidden = true;
  }}, 'Reset zoom');
  const asTable = el('details', {class: 'as-table', ontoggle: () => {
    if (asTable.open) asTable.lastChild.replaceChildren(tableOf(chart, spec));
  }}, el('summary', {}, 'Table'), el('div'));
  const tools = el('div', {class: 'tools'}, reset);
  const title = el('h3', {}, spec.title);
  const node = el('figure', {class: 'panel chart'}, el('div', {class: 'head'}, title, tools), legend,
                  el('div', {class: 'canvas', style: {height: (spec.height ?? 280) + 'px'}}, canvas),
                  spec.note ? el('figcaption', {}, spec.note) : null, asTable);

  const make = (set) => ({
    label: set.label, data: set.points, showLine: set.line ?? true, borderDash: set.dash ? [6, 4] : [],
    borderWidth: set.band ? 0 : set.width ?? 2, pointRadius: set.dots ?? (set.points.length < 2 ? 4 : 0), pointHitRadius: 6, pointHoverRadius: 5,
    yAxisID: set.axis ?? 'y', stepped: set.stepped ?? false, fill: set.fill ?? (set.area ? 'origin' : false),
    spanGaps: false, clip: set.dots > 5 ? 10 : 4, hidden: remembered(spec.id + '.' + (set.group ?? set.label), set.hidden ?? false), pointStyle: set.point ?? 'circle',
    solidPoints: set.solid, group: set.group ?? set.label, band: set.band, order: set.band ? 2 : set.order ?? 1,
    look: {paint: set.paint, opacity: set.opacity, band: set.band, colours: set.colours, area: set.area},
  });
  const zoomed = () => { reset.hidden = false; };
  const mode = spec.zoom ?? 'x';
  const config = {
    type: 'scatter',
    data: {datasets: spec.sets.map(make)},
    options: {
      normalized: true,
      layout: {padding: {top: 8 + 13 * (spec.marks ? spec.rows ?? 1 : 0), right: 6}},
      interaction: spec.hover ?? {mode: 'nearest', axis: 'xy', intersect: false},
      scales: {x: scaleOptions(spec.x ?? {}, 'bottom'), y: scaleOptions(spec.y ?? {}, 'left'),
               ...(spec.y2 ? {y2: scaleOptions(spec.y2, 'right')} : {})},
      plugins: {
        legend: {display: false},
        tooltip: {
          filter: (item) => !item.dataset.band,
          callbacks: {
            title: (items) => (items.length && (spec.heading ? spec.heading(items[0]) : `${spec.x?.title ?? ''} ${number(items[0].parsed.x)}`)),
            label: (item) => (spec.tell ? spec.tell(item) : `${item.dataset.label}: ${showY(item)}`),
          },
        },
        zoom: {
          zoom: {drag: {enabled: true, threshold: 6}, wheel: {enabled: true, modifierKey: 'ctrl'}, mode, onZoom: zoomed},
          pan: {enabled: true, modifierKey: 'shift', mode, onPan: zoomed},
          limits: {x: {min: 'original', max: 'original'}, y: {min: 'original', max: 'original'}},
        },
      },
    },
  };
  paint(config);
  const chart = new Chart(canvas, config);
  const axisOf = (item) => (item.dataset.yAxisID === 'y2' ? spec.y2 : spec.y) ?? {};
  const showY = (item) => (axisOf(item).percent ? percent(item.parsed.y) : number(item.parsed.y, 5));
  chart.marks = spec.marks;
  charts.push(chart);

  function drawLegend() {
    const groups = [...new Set(chart.data.datasets.filter((set) => set.label).map((set) => set.group))];
    legend.replaceChildren(...(groups.length < 2 && !spec.legend ? [] : groups.map((group) => {
      const of = chart.data.datasets.filter((set) => set.group === group);
      const button = el('button', {type: 'button', 'aria-pressed': String(!of[0].hidden), onclick: () => {
        const hide = !of[0].hidden;
        for (const set of of) {
          set.hidden = hide;
          chart.getDatasetMeta(chart.data.datasets.indexOf(set)).hidden = null;
        }
        remember(spec.id + '.' + group, hide);
        button.setAttribute('aria-pressed', String(!hide));
        chart.update('none');
      }}, el('i', {class: of[0].showLine ? (of[0].borderDash.length ? 'dash' : 'line') : 'dot',
                   style: {color: Array.isArray(of[0].look.paint) ? '' : `var(${of[0].look.paint})`}}), group);
      return button;
    })));
  }

  // Arrows walk along the points, plus and minus zoom, zero and Escape undo that.
  let at = {set: 0, index: -1};
  canvas.addEventListener('keydown', (event) => {
    const seen = chart.data.datasets.map((set, i) => i)
      .filter((i) => chart.isDatasetVisible(i) && !chart.data.datasets[i].band && chart.data.datasets[i].data.length);
    if (!seen.length) return;
    if (!seen.includes(at.set)) at = {set: seen[0], index: -1};
    const last = chart.data.datasets[at.set].data.length - 1;
    const row = seen.indexOf(at.set);
    if (event.key === 'ArrowRight') at.index = Math.min(last, at.index + 1);
    else if (event.key === 'ArrowLeft') at.index = Math.max(0, at.index - 1);
    else if (event.key === 'Home') at.index = 0;
    else if (event.key === 'End') at.index = last;
    else if (event.key === 'ArrowDown') at.set = seen[(row + 1) % seen.length];
    else if (event.key === 'ArrowUp') at.set = seen[(row + seen.length - 1) % seen.length];
    else if (event.key === '+' || event.key === '=') { chart.zoom(1.3); return zoomed(); }
    else if (event.key === '-') return chart.zoom(0.77);
    else if (event.key === '0' || event.key === 'Escape') { chart.resetZoom(); reset.hidden = true; return; }
    else return;
    event.preventDefault();
    at.index = Math.max(0, Math.min(at.index, chart.data.datasets[at.set].data.length - 1));
    const active = [{datasetIndex: at.set, index: at.index}];
    chart.setActiveElements(active);
    chart.tooltip.setActiveElements(active, {x: 0, y: 0});
    chart.update('none');
    const set = chart.data.datasets[at.set];
    const point = set.data[at.index];
    document.getElementById('announcer').textContent =
      `${set.label}, ${spec.x?.title ?? ''} ${number(point.x)}: ${number(point.y)}`;
  });

  drawLegend();
  return {
    node, chart, title,
    zoom(min, max) {
      chart.zoomScale('x', {min, max});
      zoomed();
    },
    replace(sets, {x, y, y2, marks} = {}) {
      chart.data.datasets = sets.map(make);
      if (x) chart.options.scales.x = scaleOptions(Object.assign(spec.x ?? (spec.x = {}), x), 'bottom');
      if (y) chart.options.scales.y = scaleOptions(Object.assign(spec.y ?? (spec.y = {}), y), 'left');
      if (y2) chart.options.scales.y2 = scaleOptions(Object.assign(spec.y2 ?? (spec.y2 = {}), y2), 'right');
      if (marks) chart.marks = marks;
      paint(chart);
      chart.update('none');
      drawLegend();
      if (asTable.open) asTable.lastChild.replaceChildren(tableOf(chart, spec));
    },
  };
}

// What a chart shows, for who would rather read it.
function tableOf(chart, spec) {
  const most = 400;
  const sets = chart.data.datasets.filter((set) => set.label && !set.band);
  const rows = new Map();
  let left = 0;
  sets.forEach((set, column) => set.data.forEach((point) => {
    if (!isNumber(point.y)) return;
    const key = sets.length > 1 && set.showLine ? String(point.x) : `${column} ${rows.size}`;
    if (!rows.has(key)) {
      if (rows.size >= most) return void ++left;
      rows.set(key, [point.x, ...sets.map(() => null)]);
    }
    rows.get(key)[column + 1] = point.y;
  }));
  const cells = [...rows.values()].sort((a, b) => a[0] - b[0]);
  return el('div', {}, table(spec.id + 'Table', [{label: spec.x?.title ?? 'x'}, ...sets.map((set) => ({label: set.label}))], cells,
                             {caption: spec.title, sortable: false}),
            left ? el('p', {class: 'note'}, `${count(left)} more points are not listed.`) : null);
}

const hoverX = {mode: 'index', axis: 'x', intersect: false};

function repaint() {
  palette.clear();
  for (const chart of charts) {
    paint(chart);
    chart.update('none');
  }
}

// A number for every place of a grid, as colours of one scale, or (own) of one for each row. rows[row][column].
function heatMap(id, title, rows, {rowName = 'row', columnName = 'place', label = title, own = false} = {}) {
  const width = Math.max(...rows.map((row) => row.length));
  const finite = rows.flat().filter(isNumber);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const canvas = el('canvas', {id, width, height: rows.length, role: 'img', class: 'heat',
                               'aria-label': `${label}: ${rows.length} by ${width} values from ${number(low)} to ${number(high)}`});
  const ctx = canvas.getContext('2d');
  rows.forEach((row, r) => {
    const [from, to] = own ? [Math.min(...row.filter(isNumber)), Math.max(...row.filter(isNumber))] : [low, high];
    row.forEach((value, c) => {
      ctx.fillStyle = isNumber(value) ? scaleColour((value - from) / (to - from || 1)) : '#9aa3af';
      ctx.fillRect(c, r, 1, 1);
    });
  });
  const reading = el('span', {class: 'note'}, '\u00a0');
  canvas.addEventListener('mousemove', (event) => {
    const box = canvas.getBoundingClientRect();
    const c = Math.floor((event.clientX - box.left) / box.width * width);
    const r = Math.floor((event.clientY - box.top) / box.height * rows.length);
    const value = rows[r]?.[c];
    reading.textContent = isNumber(value) ? `${rowName} ${r + 1}, ${columnName} ${c + 1}: ${number(value)}` : '\u00a0';
  });
  canvas.style.height = Math.min(220, Math.max(48, rows.length * 16)) + 'px';
  return el('div', {class: 'heat-map'}, el('h4', {}, title), canvas,
            el('div', {class: 'heat-scale'}, el('span', {}, own ? 'lowest' : number(low, 3)),
               el('i', {style: {background: `linear-gradient(90deg, ${run.scale.join(',')})`}}), el('span', {}, own ? 'highest of each row' : number(high, 3))),
            reading);
}
