// Drives the dashboard of a running coordinator in headless Chromium, as dashboard_test.cpp asks:
//   node dashboard.mjs PLAYWRIGHT_DIR URL CHROMIUM [SCREENSHOT.png [ROUNDS]]
// Prints a line for each claim that does not hold, and nothing else. With SCREENSHOT it only takes one, once ROUNDS rounds
// have ended.
import { createRequire } from 'node:module';

const [directory, url, chromium_path, screenshot, rounds] = process.argv.slice(2);
const require = createRequire(directory + '/package.json');
const { chromium } = require('playwright-core');
const axe_source = require('axe-core').source;

const faults = [];
const expect = (holds, claim) => { if (!holds) faults.push(claim); };

const browser = await chromium.launch({ executablePath: chromium_path, args: ['--no-sandbox', '--disable-gpu'] });

async function open(options) {
  const context = await browser.newContext({ bypassCSP: options.bypassCSP === true, ...options });
  const page = await context.newPage();
  page.on('console', (message) => expect(message.type() !== 'error', 'console: ' + message.text()));
  page.on('pageerror', (error) => expect(false, 'error in the page: ' + error.message));
  page.on('request', (request) => {
    const at = new URL(request.url());
    expect(at.protocol === 'data:' || at.origin === new URL(url).origin, 'a request to elsewhere: ' + request.url());
  });
  await page.goto(url);
  return page;
}

// Not waitForFunction: the page's policy lets nothing be evaluated, not even by that.
async function until(page, holds, argument, seconds = 60) {
  for (const end = Date.now() + 1000 * seconds; !(await page.evaluate(holds, argument));) {
    if (Date.now() > end) throw new Error('waited in vain for ' + holds);
    await page.waitForTimeout(50);
  }
}

const published = (page) => page.locator('#rounds-done').textContent().then(Number);
async function await_rounds(page, more) {
  await until(page, (n) => Number(document.getElementById('rounds-done').textContent) >= n, more);
}

async function take_screenshot() {
  const page = await open({ viewport: { width: 1180, height: 1078 }, deviceScaleFactor: 1, colorScheme: 'light' });
  await until(page, (n) => Number(document.getElementById('rounds-done').textContent) >= n, Number(rounds), 300);
  await page.screenshot({ path: screenshot });
}

async function live_and_by_keyboard() {
  const page = await open({ viewport: { width: 1280, height: 900 } });
  await await_rounds(page, 2);
  const before = await published(page);
  await await_rounds(page, before + 2);
  expect((await page.locator('#accuracy').getAttribute('aria-label')).includes('edge copy'), 'a plot says its last values');
  expect(await page.locator('#participants tr').count() === 2, 'both participants are listed');
  expect((await page.locator('#participants').textContent()).includes('alice'), 'alice is listed');
  expect(await page.locator('#rounds tr').count() >= 2, 'rounds are listed');

  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement.className) === 'skip', 'the first stop is the way to the plots');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement.id) === 'pause', 'the next is Pause');
  await page.keyboard.press('Enter');
  await until(page, () => document.getElementById('state').textContent === 'paused');
  const held = await published(page);
  await page.waitForTimeout(600);
  expect(await published(page) === held, 'no round begins while paused');
  await page.keyboard.press('Enter');
  await await_rounds(page, held + 1);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await until(page, () => document.getElementById('note').textContent.endsWith('are written'));
  await page.fill('#filter', 'bob');
  await until(page, () => document.querySelectorAll('#participants tr').length === 1);
  await page.context().close();
}

async function accessible(colorScheme) {
  const page = await open({ viewport: { width: 1280, height: 900 }, colorScheme, bypassCSP: true });
  await await_rounds(page, 2);
  await page.evaluate(axe_source);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const violation of violations)
    expect(false, colorScheme + ': ' + violation.id + ': ' + violation.help + ' at ' + violation.nodes[0].target);
  await page.context().close();
}

async function on_a_phone() {
  const page = await open({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
  await await_rounds(page, 2);
  const [wide, narrow] = await page.evaluate(() => [document.scrollingElement.scrollWidth, innerWidth]);
  expect(wide <= narrow, 'a phone of 360 points needs no sideways scrolling, but the page is ' + wide);
  const small = await page.evaluate(() => [...document.querySelectorAll('button')]
    .filter((b) => b.offsetParent && b.getBoundingClientRect().height < 44).length);
  expect(small === 0, 'buttons are large enough for a finger');
  await page.context().close();
}

try {
  if (screenshot) {
    await take_screenshot();
  } else {
    await live_and_by_keyboard();
    await accessible('light');
    await accessible('dark');
    await on_a_phone();
  }
} catch (error) {
  expect(false, error.message.split('\n')[0]);
} finally {
  await browser.close();
}
console.log(faults.join('\n'));
process.exit(faults.length === 0 ? 0 : 1);
