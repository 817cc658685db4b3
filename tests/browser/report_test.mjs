// node report_test.mjs PAGES [SCREENSHOTS]: opens what `pages` writes in Debian's Chromium, looks for errors,
// draws everything and uses it. Status 77 (skipped) without the browser or playwright-core.
import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

function skip(why) {
  console.log(`skipped: ${why}; scripts/setup browser installs it`);
  process.exit(77);
}

const [, , pagesProgram, screenshots] = process.argv;
const executable = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path && existsSync(path));
if (!executable) skip('no Chromium here');
const {chromium} = await import('playwright-core').catch(() => skip('no playwright-core here'));
const {default: axe} = await import('axe-core').catch(() => skip('no axe-core here'));

let passed = 0;
let failed = 0;
function check(holds, what) {
  if (holds) return void ++passed;
  ++failed;
  console.error(`FAILED: ${what}`);
}

const folder = mkdtempSync(join(tmpdir(), 'platypus-pages-'));
execFileSync(pagesProgram, [folder]);
const browser = await chromium.launch({executablePath: executable, args: ['--no-sandbox', '--disable-gpu']});

// A page with what went wrong on it. Nothing but the file itself may be asked for.
async function open(file, options = {}) {
  const context = await browser.newContext({viewport: {width: 1400, height: 900}, ...options});
  const page = await context.newPage();
  page.setDefaultTimeout(10000);
  const url = pathToFileURL(join(folder, file)).href;
  page.wrong = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && page.wrong.push(message.text()));
  page.on('pageerror', (error) => page.wrong.push(String(error)));
  page.on('request', (request) => !request.url().startsWith(url) && !request.url().startsWith('data:') && page.wrong.push(`asked for ${request.url()}`));
  page.on('dialog', (dialog) => { page.wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  await page.goto(url);
  await page.waitForSelector('html[data-drawn]');
  page.done = () => context.close();
  return page;
}

// Canvases on which nothing was painted.
const blank = (page) => page.evaluate(() => [...document.querySelectorAll('canvas')].filter((canvas) => {
  if (!canvas.width || !canvas.height) return true;
  const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return pixels.every((pixel) => pixel === pixels[0]);
}).map((canvas) => canvas.id));
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
const text = (page, selector) => page.locator(selector).first().innerText();
// Whether it comes to hold within two seconds: a machine may be busy.
async function eventually(holds) {
  for (let i = 0; i < 40; ++i) {
    if (await holds()) return true;
    await new Promise((go) => setTimeout(go, 50));
  }
  return false;
}
const has = async (page, selector) => (await page.locator(selector).count()) > 0;

async function checkPage(file) {
  const [task, state] = file.replace('.html', '').split('-');
  const page = await open(file);
  const name = `${file}: `;
  check(page.wrong.length === 0, name + page.wrong.join('; '));
  const empty = await blank(page);
  check(empty.length === 0, `${name}nothing is drawn on ${empty}`);
  check((await overflow(page)) <= 0, `${name}wider than the window at 1400`);
  check(await has(page, '#metricsChart'), `${name}metricsChart`);
  check((await has(page, 'meta[http-equiv="refresh"]')) === (state === 'running'), `${name}renewal only while it runs`);
  const badge = await text(page, '.state');
  check(badge === {running: 'Training…', complete: 'Complete', failed: 'Failed', interrupted: 'Interrupted'}[state], `${name}state ${badge}`);
  check((await has(page, '.banner')) === ['failed', 'interrupted'].includes(state), `${name}banner`);
  check((await page.locator('b:text("& motor")').count()) === 0, `${name}texts are escaped`);
  const sections = await page.locator('main > section:not([hidden]) > h2').allInnerTexts();
  const wanted = state === 'complete' ? ['Training', 'Test split', 'Recordings', 'Features', 'Data set', 'On the device', 'Network and memory', 'Configuration and origin']
    : ['Training', 'Features', 'Data set', 'Configuration and origin'];
  check(wanted.every((section) => sections.includes(section)), `${name}sections ${sections}`);
  if (screenshots) {
    mkdirSync(screenshots, {recursive: true});
    await page.screenshot({path: join(screenshots, `${task}-${state}-1400.png`), fullPage: true});
  }
  await page.setViewportSize({width: 400, height: 800});
  check(await eventually(async () => (await overflow(page)) <= 0), `${name}wider than the window at 400`);
  if (screenshots) await page.screenshot({path: join(screenshots, `${task}-${state}-400.png`), fullPage: true});
  check(page.wrong.length === 0, name + page.wrong.join('; '));
  await page.done();
}

const use = {
  async classification() {
    const page = await open('classification-complete.html');
    check((await text(page, '#training .cards')).includes('Float Best Acc'), 'card Float Best Acc');
    // A legend button takes a curve away and brings it back.
    const button = page.locator('#metricsChart').locator('xpath=ancestor::figure').locator('.legend button').first();
    check((await button.getAttribute('aria-pressed')) === 'true', 'legend: shown at first');
    await button.click();
    check((await button.getAttribute('aria-pressed')) === 'false', 'legend: hidden after a click');
    await button.focus();
    await page.keyboard.press('Enter');
    check((await button.getAttribute('aria-pressed')) === 'true', 'legend: shown again by a key');
    // The threshold changes what is missed and what is a false alarm.
    const reading = () => text(page, '.slider .reading');
    const before = await reading();
    await page.locator('#slider-threshold').focus();
    for (let i = 0; i < 5; ++i) await page.keyboard.press('ArrowRight');
    check((await reading()) !== before, 'threshold slider: other rates');
    await page.keyboard.press('End');
    check(/missed, 0 of/.test(await reading()), `lowest threshold: nothing is missed, but ${await reading()}`);
    await page.keyboard.press('Home');
    check(/false alarms, 0 of/.test(await reading()), `highest threshold: no false alarm, but ${await reading()}`);
    // Counts, shares, and which recordings.
    check((await text(page, '#confusionMatrix')).includes('389'), 'confusion: counts');
    await page.locator('#choice-confusion-units span', {hasText: '%'}).click();
    check((await text(page, '#confusionMatrix')).includes('97.3'), 'confusion: shares');
    await page.locator('#confusionMatrix tbody button').nth(1).hover();
    check(await eventually(() => has(page, 'p:text("recordings: classes/")')), 'confusion: recordings of a cell');
    await page.locator('#choice-confusion-network span', {hasText: 'Float'}).click();
    check((await text(page, '#confusionMatrix')).includes('97.5'), 'confusion: the other network');
    // Tables sort.
    const first = () => text(page, '#layers tbody td:nth-child(5)');
    await page.locator('#layers thead button', {hasText: 'MACs'}).click();
    check((await first()).replace(/\D/g, '') === '63000', 'layers: most MACs first');
    await page.locator('#layers thead button', {hasText: 'MACs'}).click();
    check((await first()) === '0', 'layers: fewest first');
    check((await page.locator('#layers th[aria-sort="ascending"]').count()) === 1, 'layers: the order is told');
    // A recording is picked.
    const picked = await text(page, '#recordings h4.name');
    await page.locator('.picks button').nth(3).click();
    check((await text(page, '#recordings h4.name')) !== picked, 'another recording');
    check(await eventually(async () => (await blank(page)).length === 0), 'another recording is drawn');
    // The configuration is filtered.
    await page.locator('#choice-configuration-own span', {hasText: 'All'}).click();
    await page.locator('#configurationFilter').fill('optim');
    check((await page.locator('#configuration tbody tr').count()) === 1, 'configuration: filter');
    check((await page.locator('#configuration tbody').textContent()).includes("'adam  w'"), 'configuration: values with blanks');
    // A chart by keys and as a table; zoom and back.
    await page.locator('#metricsChart').focus();
    await page.keyboard.press('ArrowRight');
    check(await eventually(async () => /epoch 1/.test(await page.locator('#announcer').textContent())), 'chart: a point is read out');
    await page.keyboard.press('+');
    check(await eventually(() => page.locator('#training button:text("Reset zoom")').first().isVisible()), 'chart: zoomed by a key');
    await page.keyboard.press('Escape');
    await page.locator('#training .as-table summary').first().click();
    check(await eventually(() => page.locator('#metricsChartTable').isVisible()), 'chart: as a table');
    const box = await page.locator('#lossChart').boundingBox();
    await page.mouse.move(box.x + 150, box.y + 100);
    await page.mouse.down();
    await page.mouse.move(box.x + 300, box.y + 120, {steps: 4});
    await page.mouse.up();
    check(await eventually(async () => (await page.locator('#training button:text("Reset zoom"):visible').count()) > 0), 'chart: zoomed by dragging');
    // A block of the memory map.
    await page.mouse.move(1, 1);
    await page.locator('#memoryMap g').nth(1).focus();
    check(await eventually(async () => /alive from layer 2/.test(await text(page, '#network'))), 'memory map: a block is told');
    // Light and dark.
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.locator('#theme').click();
    check(await eventually(async () => (await background()) !== light), 'dark after a click');
    check(page.wrong.length === 0, 'classification: ' + page.wrong.join('; '));
    await page.done();
  },
  async regression() {
    const page = await open('regression-complete.html');
    const cards = await text(page, '#training .cards');
    check(/Float Best R²/.test(cards) && /Float Best MSE/.test(cards), 'cards of regression');
    await page.locator('#choice-pair-target span', {hasText: 'torque'}).click();
    check(await eventually(async () => (await blank(page)).length === 0), 'the other target is drawn');
    check(page.wrong.length === 0, 'regression: ' + page.wrong.join('; '));
    await page.done();
  },
  async forecasting() {
    const page = await open('forecasting-complete.html');
    check((await text(page, '#training .cards')).includes('Float Best SMAPE'), 'card Float Best SMAPE');
    const variables = await text(page, '#results');
    check(/Per-Variable Forecasting Metrics/.test(variables) && /oil temperature/.test(variables), 'table of variables');
    await page.locator('#choice-step-measure span', {hasText: 'R²'}).click();
    await page.locator('#choice-pair-step span', {hasText: '6'}).click();
    check(await eventually(async () => (await blank(page)).length === 0), 'another step is drawn');
    check(page.wrong.length === 0, 'forecasting: ' + page.wrong.join('; '));
    await page.done();
  },
  async anomaly() {
    const page = await open('anomaly-complete.html');
    const reading = () => text(page, '.slider .reading');
    const chosen = await reading();
    check(/0\.58/.test(chosen), `the slider starts at the threshold in the C: ${chosen}`);
    await page.locator('#slider-anomaly-threshold').focus();
    await page.keyboard.press('End');
    check(/found, 0 of/.test(await reading()), 'highest threshold: nothing is found');
    await page.keyboard.press('Home');
    check(/100\.00/.test(await reading()), 'lowest threshold: all are found');
    check((await text(page, '#thresholds')).includes('in effect (in the C)'), 'table of thresholds');
    check(page.wrong.length === 0, 'anomaly: ' + page.wrong.join('; '));
    await page.done();
  },
  // A running page comes back to where the reader was, and stops when asked to.
  async running() {
    const page = await open('classification-running.html', {viewport: {width: 1400, height: 500}});
    check(/2 min left|135 s left/.test(await text(page, '#stage')), `time left: ${await text(page, '#stage')}`);
    await page.evaluate(() => scrollTo(0, 400));
    await page.waitForEvent('load');
    await page.waitForSelector('html[data-drawn]');
    check(await eventually(async () => Math.abs((await page.evaluate(() => scrollY)) - 400) < 5), 'the renewed page is where it was');
    await page.locator('#pause').click();
    await page.evaluate(() => { window.same = true; });
    await page.waitForTimeout(3600);
    check(await page.evaluate(() => window.same === true), 'a page on hold stays');
    check(page.wrong.length === 0, 'running: ' + page.wrong.join('; '));
    await page.done();
  },
  async looks() {
    const page = await open('classification-complete.html', {colorScheme: 'dark'});
    check((await blank(page)).length === 0, 'drawn in the dark');
    if (screenshots) await page.screenshot({path: join(screenshots, 'classification-complete-1400-dark.png'), fullPage: true});
    await page.setViewportSize({width: 400, height: 800});
    if (screenshots) await page.screenshot({path: join(screenshots, 'classification-complete-400-dark.png'), fullPage: true});
    const pdf = await page.pdf({format: 'A4', path: screenshots ? join(screenshots, 'print.pdf') : undefined});
    check(pdf.length > 20000, 'it can be printed');
    await page.done();
    const bare = await open('empty.html').catch((error) => void check(false, `an empty run: ${error}`));
    if (bare) {
      check(bare.wrong.length === 0, 'empty: ' + bare.wrong.join('; '));
      await bare.done();
    }
  },
  // What shuts people out, by the rules of axe: contrast, names of controls, order of headings, ...
  async access() {
    for (const file of ['classification-complete.html', 'anomaly-complete.html', 'forecasting-running.html', 'regression-failed.html']) {
      for (const colorScheme of ['light', 'dark']) {
        const page = await open(file, {colorScheme, bypassCSP: true});
        await page.evaluate(axe.source);
        // A running page is renewed, and has a button against that.
        const {violations} = await page.evaluate(() => window.axe.run({rules: {'meta-refresh': {enabled: false}}}));
        check(violations.length === 0, `${file}, ${colorScheme}: ${violations.map((v) => `${v.id}: ${v.nodes.map((node) => node.html).join(' ')}`).join('; ')}`);
        await page.done();
      }
    }
  },
  async size() {
    for (const file of readdirSync(folder)) check(statSync(join(folder, file)).size < 1.5e6, `${file} is smaller than 1.5 MB`);
    const page = await open('classification-complete.html');
    const {duration} = await page.evaluate(() => performance.getEntriesByType('navigation')[0].toJSON());
    console.log(`classification-complete.html opens in ${duration.toFixed(0)} ms`);
    await page.done();
  },
};

try {
  for (const file of readdirSync(folder).filter((name) => name.includes('-'))) await checkPage(file);
  for (const part of Object.values(use)) await part();
} catch (error) {
  check(false, error.stack);
} finally {
  await browser.close();
  rmSync(folder, {recursive: true});
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
