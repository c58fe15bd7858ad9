// Takes pictures of the console's screens in a real Chromium, to look at: `npm run build && npm run look -- OUT_DIR [ADDRESS]`.
// Without an address it serves what was built, with the made-up city and the centre's content security policy.
// Exits 1 when the page reports an error. MATPHO_CHROMIUM names another browser than /usr/bin/chromium.
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const [out = 'look', address] = process.argv.slice(2);
const login = { name: process.env.MATPHO_USER ?? 'lan.nguyen', password: process.env.MATPHO_PASSWORD ?? 'matpho' };
mkdirSync(out, { recursive: true });

const server = address ? undefined : await preview({ preview: { port: 4273, strictPort: true } });
const base = address ?? 'http://localhost:4273';

const QUIET = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const WEBGL = ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'];
const complaints = [];

async function browse(flags, run) {
  const browser = await chromium.launch({ executablePath: process.env.MATPHO_CHROMIUM ?? '/usr/bin/chromium', args: [...QUIET, ...flags] });
  try {
    await run(browser);
  } finally {
    await browser.close();
  }
}

async function open(browser, size, lang = 'vi') {
  const context = await browser.newContext({ viewport: size, locale: 'vi-VN', timezoneId: 'America/New_York' });
  await context.addInitScript((chosen) => localStorage.setItem('matpho.lang', chosen), lang);
  const page = await context.newPage();
  page.on('console', (message) => {
    // A login that is not there yet, and the picture of a camera that has none, are no errors of the page.
    if (message.type() === 'error' && !/status of 40[14]/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(base);
  return page;
}

async function enter(page, webgl = true) {
  await page.getByTestId('login-name').fill(login.name);
  await page.getByTestId('login-password').fill(login.password);
  await page.getByTestId('login-submit').click();
  await page.getByTestId('incident-row').first().waitFor();
  // Software rendering takes its time; without WebGL it never comes.
  if (webgl) await page.locator('[data-testid=map][data-ready=true]').waitFor({ timeout: 60_000 });
  await page.waitForTimeout(1500);
}

const shot = (page, name) => page.screenshot({ path: `${out}/${name}.png` });

await browse(WEBGL, async (browser) => {
  const page = await open(browser, { width: 1920, height: 1080 });
  await page.getByTestId('login-name').waitFor();
  await shot(page, '01-login');
  await enter(page);
  await shot(page, '02-incidents');
  await page.getByTestId('incident-row').first().click();
  await page.waitForTimeout(1500);
  await shot(page, '03-detail');
  await page.locator('[data-testid=incident-detail] .scroll').evaluate((e) => e.scrollTo(0, 9999));
  await page.waitForTimeout(300);
  await shot(page, '04-detail-below');
  await page.keyboard.press('c');
  await page.waitForTimeout(300);
  await page.getByTestId('close-false-alarm').check();
  await shot(page, '05-close');
  await page.keyboard.press('Escape');
  await page.keyboard.press('d');
  await page.waitForTimeout(300);
  await shot(page, '05-dispatch');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Việc khác' }).click();
  await page.waitForTimeout(200);
  await shot(page, '05-more');
  await page.getByTestId('assess').click();
  await page.waitForTimeout(200);
  await shot(page, '05-assess');
  await page.keyboard.press('Escape');
  await page.keyboard.press('r');
  await page.waitForTimeout(300);
  await shot(page, '05-report');
  await page.keyboard.press('Escape');
  // A real gateway may have no clip, or be away.
  if (!address) {
    await page.getByTestId('clip-request').click();
    await page.locator('[data-testid=clip][data-state=ready]').waitFor({ timeout: 60_000 });
    await page.getByTestId('clip').scrollIntoViewIfNeeded();
    await page.waitForTimeout(1500);
    await shot(page, '05-clip');
  }
  await page.keyboard.press('2');
  await page.waitForTimeout(1200);
  await shot(page, '06-wall');
  await page.getByTestId('camera-tile').nth(3).click();
  await page.waitForTimeout(700);
  await shot(page, '07-camera');
  await page.keyboard.press('3');
  await page.getByTestId('incident-row').first().click();
  await page.waitForTimeout(2500);
  await shot(page, '08-closed');
  await page.keyboard.press('4');
  await page.waitForTimeout(1200);
  await shot(page, '08-load');

  const small = await open(browser, { width: 1366, height: 768 }, 'en');
  await enter(small);
  await small.getByTestId('incident-row').nth(1).click();
  await small.waitForTimeout(1500);
  await shot(small, '09-1366-en');
  await small.keyboard.press('?');
  await small.waitForTimeout(300);
  await shot(small, '10-help');

  const tablet = await open(browser, { width: 1024, height: 768 });
  await enter(tablet);
  await tablet.getByTestId('incident-row').nth(2).click();
  await tablet.waitForTimeout(1200);
  await shot(tablet, '11-tablet');
  const standing = await open(browser, { width: 600, height: 960 });
  await enter(standing);
  await shot(standing, '12-phone');

  const wall = await open(browser, { width: 3840, height: 2160 });
  await enter(wall);
  await wall.getByTestId('incident-row').nth(1).click();
  await wall.waitForTimeout(1500);
  await shot(wall, '13-4k');
});

await browse(['--disable-gpu', '--disable-3d-apis'], async (browser) => {
  const page = await open(browser, { width: 1366, height: 768 });
  await enter(page, false);
  await shot(page, '14-no-webgl');
});

await server?.close();
const wrong = complaints.filter((text) => !/WebGL|webgl/.test(text));
for (const text of wrong) console.error(text);
process.exit(wrong.length > 0 ? 1 : 0);
