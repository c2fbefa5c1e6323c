// node browser.mjs URL TOKEN OUT [away|tutorial]: what a person does with a notebook in JupyterLab (or, with PAGE=notebooks, in
// Notebook 7), in a headless Chromium.
//
// A training run's plot moves; the browser is closed while it trains and opened again; %attach shows the run; the stop button
// ends the look first, then the run; the session is still there. The tutorial runs, is stopped in the middle of its training, and
// goes on. Pictures go to OUT. frontends.sh starts the server and calls this; it needs playwright-core and Chromium.
import { chromium } from 'playwright-core';

const [url, token, out, scene] = process.argv.slice(2);
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const PAGE = process.env.PAGE ?? 'lab/tree';

async function open(name) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-sync'] });
  const page = await browser.newPage({ viewport: { width: 900, height: 800 } });
  page.setDefaultTimeout(60_000);
  await page.goto(`${url}/${PAGE}/${name}?token=${token}&reset`, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('.jp-Notebook .jp-CodeCell');
  await page.waitForFunction(() => {
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === 'connected' && ['idle', 'busy'].includes(kernel.status);
  });
  // The question about news covers what we look at.
  await page.getByRole('button', { name: 'No', exact: true }).click({ timeout: 3000 }).catch(() => {});
  if (PAGE === 'lab/tree') await command(page, 'application:toggle-left-area').catch(() => {});
  return { browser, page };
}

const command = (page, id, args = {}) => page.evaluate(([id, args]) => window.jupyterapp.commands.execute(id, args), [id, args]);
/// The text of a cell's outputs and the picture in them; -1 is the last cell.
const look = (page, at) => page.evaluate(at => {
  const all = window.jupyterapp.shell.currentWidget.content.widgets;
  const cell = all.at(at).node;
  return {
    text: cell.querySelector('.jp-OutputArea')?.innerText ?? '',
    picture: cell.querySelector('.jp-RenderedSVG img')?.src ?? '',
    prompt: cell.querySelector('.jp-InputPrompt')?.innerText ?? '',
    value: all.at(at).model.outputs?.get(0)?.data['application/json'],
  };
}, at);

async function until(page, what, holds, { at = -1, ms = 60_000 } = {}) {
  const end = Date.now() + ms;
  for (;;) {
    const seen = await look(page, at);
    if (holds(seen)) return seen;
    if (Date.now() > end) {
      await page.screenshot({ path: `${out}/failed.png` });
      throw new Error(`${what}: ${JSON.stringify(seen).slice(0, 2000)}`);
    }
    await page.waitForTimeout(100);
  }
}

async function run(page, code) {
  await command(page, 'notebook:enter-command-mode');
  await page.evaluate(() => { const n = window.jupyterapp.shell.currentWidget.content; n.activeCellIndex = n.widgets.length - 1; });
  await command(page, 'notebook:insert-cell-below');
  await page.evaluate(code => { window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.setSource(code); }, code);
  // Not awaited: the command resolves when the cell is over.
  page.evaluate(() => { window.jupyterapp.commands.execute('notebook:run-cell'); });
}

async function shot(page, name, at = -1) {
  await page.evaluate(at => window.jupyterapp.shell.currentWidget.content.widgets.at(at).node.scrollIntoView({ block: 'end' }), at);
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${out}/${name}.png` });
}

const done = seen => /\[\d+\]/.test(seen.prompt);
const say = text => console.log(text);

async function away() {
  let { browser, page } = await open('attach.ipynb');
  for (const code of ['%load spark', '%data data/lantern-en.jsonl', '%lora r=8', '%seed 4711']) {
    await run(page, code);
    await until(page, code, done);
  }
  await run(page, '%train steps=100000 batch=4');
  const first = await until(page, 'a plot', seen => seen.picture);
  await until(page, 'the plot moves', seen => seen.picture && seen.picture !== first.picture);
  say('the plot moves');
  await shot(page, '1-training');
  await browser.close();
  say('the browser is closed');

  ({ browser, page } = await open('attach.ipynb'));
  await run(page, '%attach');
  const second = await until(page, '%attach shows the plot', seen => seen.picture && seen.text.includes('%train steps=100000'));
  await until(page, 'it goes on', seen => seen.picture && seen.picture !== second.picture);
  say('%attach shows the run, and it goes on');
  await shot(page, '2-attached');
  await command(page, 'notebook:interrupt-kernel');
  await until(page, 'the look ends', seen => done(seen) && seen.text.includes('the cell goes on'));
  say('the stop button ends the look');
  await run(page, '%attach --json');
  const state = await until(page, 'a value', done);
  if (!state.value?.running) throw new Error(JSON.stringify(state));
  say('the run goes on');
  await command(page, 'notebook:interrupt-kernel');
  await run(page, '%attach');
  await until(page, 'what was learned', seen => done(seen) && seen.text.includes('interrupted'));
  await shot(page, '3-after');
  await run(page, '%seed --json');
  const seed = await until(page, 'the session is there', done);
  if (seed.value?.seed !== 4711) throw new Error(JSON.stringify(seed));
  say('stopped at last; the session is still there');
  await browser.close();
}

/// The tutorial: all cells, the plot moves, the stop button, the cells after it.
async function tutorial() {
  const { browser, page } = await open('first-hour.ipynb');
  const cells = await page.evaluate(() =>
    window.jupyterapp.shell.currentWidget.content.widgets.map(w => ({ kind: w.model.type, code: w.model.sharedModel.getSource() })));
  const at = cells.findIndex(cell => cell.kind === 'code' && cell.code.startsWith('%train'));
  const end = cells.findLastIndex(cell => cell.kind === 'code');
  await page.evaluate(() => { window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs'); });
  await page.evaluate(() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); });
  const first = await until(page, 'a plot', seen => seen.picture, { at, ms: 600_000 });
  say('all cells up to %train have run');
  let picture = first.picture;
  for (let moves = 0; moves < 12; moves++) {
    picture = (await until(page, 'the plot moves', seen => seen.picture && seen.picture !== picture, { at, ms: 120_000 })).picture;
  }
  say('the plot has moved 12 times');
  await shot(page, '4-first-hour', at);
  await command(page, 'notebook:interrupt-kernel');
  await until(page, 'stopped', seen => done(seen) && seen.text.includes('interrupted'), { at });
  say('the stop button ends the training');
  await page.evaluate(at => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = at + 1; }, at);
  await page.evaluate(() => { window.jupyterapp.commands.execute('notebook:run-all-below'); });
  await until(page, 'the last cell', done, { at: end, ms: 300_000 });
  const failed = await page.evaluate(() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(w => w.model.type === 'code' && w.model.outputs.toJSON().some(o => o.output_type === 'error')).map(w => w.model.sharedModel.getSource()));
  if (failed.length !== 1 || !failed[0].startsWith('%train')) throw new Error(`failed: ${failed}`);
  say('the cells after it have run');
  await shot(page, '5-first-hour-end', end);
  await browser.close();
}

if (!scene || scene === 'away') await away();
if (!scene || scene === 'tutorial') await tutorial();
