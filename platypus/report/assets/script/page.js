// The page as a whole: draws what there is, keeps its place while it is renewed, colours, keys.

drawTraining();
({classification: drawClasses, regression: drawValues, forecasting: drawValues, anomalydetection: drawAnomalies})[run.kind]?.();
drawRecordings();
drawFeatures();
drawData();
drawDevice();
drawQuantization();
drawNetwork();
drawOrigin();

const nav = document.getElementById('nav');
const sections = [...document.querySelectorAll('main > section:not([hidden])')];
nav.append(...sections.map((section) => el('a', {href: '#' + section.id}, section.querySelector('h2').textContent)));
if (globalThis.IntersectionObserver) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of nav.children) link.toggleAttribute('aria-current', link.hash === '#' + entry.target.id);
    }
  }, {rootMargin: '-20% 0px -70% 0px'});
  sections.forEach((section) => seen.observe(section));
}

// Colours: the system's, or the reader's choice; paper is white.
const root = document.documentElement;
const dark = matchMedia('(prefers-color-scheme: dark)');
const kept = remembered('theme', null);
if (kept) root.dataset.theme = kept;
document.getElementById('theme').addEventListener('click', () => {
  root.dataset.theme = (root.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark';
  remember('theme', root.dataset.theme);
  repaint();
});
dark.addEventListener('change', repaint);
let screenTheme;
addEventListener('beforeprint', () => {
  screenTheme = root.dataset.theme;
  root.dataset.theme = 'light';
  repaint();
});
addEventListener('afterprint', () => {
  if (screenTheme) root.dataset.theme = screenTheme;
  else delete root.dataset.theme;
  repaint();
});
if (kept) repaint();

// A running page is read anew every few seconds: from the same place, unless the reader stops it.
const pause = document.getElementById('pause');
if (pause) {
  pause.addEventListener('click', () => {
    if (pause.dataset.paused) return location.reload();
    stop();  // also the renewal that the page's head asks for
    pause.dataset.paused = true;
    pause.textContent = 'Go on';
  });
  const age = (Date.now() - new Date(document.lastModified)) / 1000;
  if (age > 600) document.getElementById('stage').append(el('span', {class: 'note'}, ` No news for ${duration(age)}: the run may have been ended.`));
}
const place = remembered('scroll', null);
if (place && place.state === 'running' && place.run === run.runFolder) {
  history.scrollRestoration = 'manual';
  scrollTo(0, place.y);
}
addEventListener('pagehide', () => remember('scroll', {run: run.runFolder, state: run.state, y: scrollY}));
root.dataset.drawn = 'true';
