/**
 * The built console in a real Chromium, against the made-up city, under the centre's content security policy. Any error that the page
 * reports fails the test it happens in. Needs `npm run build` first, and Chromium (MATPHO_CHROMIUM, or /usr/bin/chromium).
 */
import { chromium, type Browser, type Page } from 'playwright-core';
import { preview, type PreviewServer } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

const PORT = 4274;
const BASE = `http://localhost:${PORT}`;
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-3d-apis', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let server: PreviewServer;
let browser: Browser;
let page: Page;
let complaints: string[];

const serve = async (): Promise<PreviewServer> => (server = await preview({ preview: { port: PORT, strictPort: true }, logLevel: 'error' }));
/** Closes the centre with all that hangs on it. */
async function breakDown(): Promise<void> {
  if ('closeAllConnections' in server.httpServer) server.httpServer.closeAllConnections();
  await server.close();
}

beforeAll(async () => {
  await serve();
  browser = await chromium.launch({ executablePath: process.env['MATPHO_CHROMIUM'] ?? '/usr/bin/chromium', args: FLAGS });
});
afterAll(async () => {
  await browser?.close();
  await breakDown();
});
beforeEach(async () => {
  complaints = [];
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, timezoneId: 'America/New_York' });
  page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => {
    // What the tests break on purpose, and the missing WebGL, are no errors of the page.
    if (message.type() === 'error' && !/status of [45]|ERR_|WebGL/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
});
afterEach(async () => {
  await page.context().close();
  expect(complaints).toEqual([]);
});

async function login(name = 'lan.nguyen', password = 'matpho'): Promise<void> {
  await page.getByTestId('login-name').fill(name);
  await page.getByTestId('login-password').fill(password);
  await page.getByTestId('login-submit').click();
}

async function enter(): Promise<void> {
  await page.goto(BASE);
  await login();
  await page.getByTestId('incident-row').first().waitFor();
}

const row = (kind: string) => page.locator(`[data-testid=incident-row][data-kind="${kind}"]`).first();
const detail = () => page.getByTestId('incident-detail');

/** Does at the centre what another operator would. */
async function another(id: string, verb: string, body: object = {}): Promise<number> {
  const headers = { cookie: 'matpho_mock=minh.tran', 'content-type': 'application/json' };
  return (await fetch(`${BASE}/api/v1/incidents/${id}/${verb}`, { method: 'POST', headers, body: JSON.stringify(body) })).status;
}

it('says in words why nobody is let in', async () => {
  await page.goto(BASE);
  await login('lan.nguyen', 'wrong');
  await expect.poll(() => page.getByRole('alert').first().innerText()).toContain('Sai tên đăng nhập hoặc mật khẩu');
  await page.getByTestId('lang-switch').click();
  await login('lan.nguyen', 'wrong again');
  await expect.poll(() => page.getByRole('alert').first().innerText()).toContain('User name or password is wrong');
});

it('offers the login of somebody else, comes back to what was on the screen, and says why somebody was not let in', async () => {
  await page.goto(`${BASE}/?login_error=oidc_unknown`);
  const alert = () => page.getByRole('alert').first().innerText();
  await expect.poll(alert).toContain('chưa được cấp quyền');
  await page.getByTestId('lang-switch').click();
  await expect.poll(alert).toContain('not been given access');
  expect(page.url()).toBe(`${BASE}/`);
  expect(await page.getByTestId('login-provider').innerText()).toBe('Government account');
  await page.goto(`${BASE}/#/closed`);
  await page.getByTestId('login-provider').click();
  await page.getByTestId('closed-search').waitFor();
  expect(page.url()).toBe(`${BASE}/#/closed`);
});

it('lists what nobody has taken first, shows one in full, and goes on without a map where there is no WebGL', async () => {
  await enter();
  const rows = page.getByTestId('incident-row');
  expect(await rows.first().getAttribute('data-kind')).toBe('fire.flame');
  expect(await rows.last().getAttribute('data-state')).toBe('acknowledged');
  await expect.poll(() => page.getByTestId('map').innerText()).toContain('không vẽ được bản đồ');
  await rows.first().click();
  const picture = page.getByTestId('evidence-picture');
  await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1280);
  expect(await detail().innerText()).toContain('Yersin – Đoàn Trần Nghiệp');
});

it('has every button of the bar and of an incident on the screen, however wide it is', async () => {
  await enter();
  await row('fire.flame').click();
  for (const [width, height] of [[1024, 768], [1366, 768], [1440, 900], [1920, 1080]] as const) {
    await page.setViewportSize({ width, height });
    const outside = async (): Promise<string[]> => {
      const boxes = await page.locator('header button:visible, [data-testid=incident-detail] footer .buttons button').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON()));
      return boxes.length >= 15 ? boxes.filter((box) => box.left < 0 || box.right > width || box.bottom > height).map((box) => JSON.stringify(box)) : [`only ${boxes.length}`];
    };
    await expect.poll(outside, { message: `at ${width}` }).toEqual([]);
  }
});

it('is worked by keys: walk, acknowledge, close as a false alarm', async () => {
  await enter();
  await page.keyboard.press('j');
  const id = (await detail().getAttribute('data-id'))!;
  await page.keyboard.press('a');
  await expect.poll(() => detail().getAttribute('data-state')).toBe('acknowledged');
  expect(await page.locator(`[data-testid=incident-row][data-id="${id}"]`).innerText()).toContain('Đã nhận: lan.nguyen');
  await page.keyboard.press('c');
  await page.getByTestId('close-false-alarm').check();
  // What fooled the camera has to be said.
  expect(await page.getByTestId('close-confirm').isDisabled()).toBe(true);
  await page.getByTestId('false-known').check();
  await page.getByTestId('close-note').fill('Đốt rác');
  await page.getByTestId('close-confirm').click();
  await page.getByTestId('close-confirm').waitFor({ state: 'detached' });
  await expect.poll(() => page.locator(`[data-testid=incident-row][data-id="${id}"]`).count()).toBe(0);
  await page.keyboard.press('3');
  const past = page.locator(`[data-testid=incident-row][data-id="${id}"]`);
  await past.waitFor();
  await page.getByTestId('closed-search').fill('dot rac bao dong gia');
  await expect.poll(() => page.getByTestId('incident-row').count()).toBe(1);
  await past.click();
  await expect.poll(() => detail().innerText()).toContain('Báo động giả (Việc đã biết: thi công, chợ, diễn tập): Đốt rác');
});

it('sends somebody once a person confirms, and takes up again what was closed too early', async () => {
  await enter();
  const jam = row('traffic.congestion');
  const id = (await jam.getAttribute('data-id'))!;
  await jam.click();
  await page.keyboard.press('d');
  await page.getByTestId('agency-csgt').check();
  await page.getByTestId('dispatch-confirm').click();
  await expect.poll(() => detail().getAttribute('data-state')).toBe('dispatched');
  expect(await jam.innerText()).toContain('Đã điều: Cảnh sát giao thông');
  expect(await detail().innerText()).toContain('Điều động: Cảnh sát giao thông');
  await page.keyboard.press('c');
  await page.getByTestId('close-confirm').click();
  await expect.poll(() => jam.count()).toBe(0);
  await page.keyboard.press('3');
  await page.locator(`[data-testid=incident-row][data-id="${id}"]`).click();
  await page.getByTestId('reopen').click();
  expect(await page.getByTestId('reason-confirm').isDisabled()).toBe(true);
  await page.getByTestId('reason').fill('Vẫn còn khói');
  await page.getByTestId('reason-confirm').click();
  await expect.poll(() => detail().getAttribute('data-state')).toBe('acknowledged');
});

it('tells who was quicker', async () => {
  await enter();
  const id = (await row('flood.street').getAttribute('data-id'))!;
  await row('flood.street').click();
  await page.getByTestId('acknowledge').waitFor();
  // The news of the other's act is held back, as on a slow line.
  await page.route('**/api/v1/incidents/*/acknowledge', async (route) => {
    expect(await another(id, 'acknowledge')).toBe(200);
    await route.continue();
  });
  await page.getByTestId('acknowledge').click();
  await expect.poll(() => page.getByRole('status').allInnerTexts()).toContainEqual(expect.stringContaining('minh.tran đã xác nhận sự cố này trước bạn'));
  expect(await detail().getAttribute('data-state')).toBe('acknowledged');
});

it("shows another operator's act without being asked", async () => {
  await enter();
  const stopped = row('traffic.stopped_vehicle');
  const id = (await stopped.getAttribute('data-id'))!;
  expect(await another(id, 'acknowledge')).toBe(200);
  await expect.poll(() => stopped.innerText()).toContain('minh.tran');
  expect(await another(id, 'close', { reason: 'resolved' })).toBe(200);
  await expect.poll(() => page.locator(`[data-id="${id}"]`).count()).toBe(0);
});

it('asks for a new login over the screen, and keeps the place', async () => {
  await enter();
  await row('traffic.congestion').click();
  await page.getByTestId('evidence-picture').waitFor();
  const address = page.url();
  await page.context().clearCookies();
  await page.keyboard.press('n');
  await page.locator('textarea').fill('Đã gọi 113');
  await page.getByRole('button', { name: 'Lưu ghi chú' }).click();
  await page.getByTestId('login-submit').waitFor();
  expect(await page.getByTestId('login-name').inputValue()).toBe('lan.nguyen');
  await login();
  await page.getByTestId('login-submit').waitFor({ state: 'detached' });
  expect(page.url()).toBe(address);
  expect(await page.locator('textarea').inputValue()).toBe('Đã gọi 113');
  await page.getByRole('button', { name: 'Lưu ghi chú' }).click();
  await expect.poll(() => detail().innerText()).toContain('Đã gọi 113');
});

it('remembers the language, and always tells the time of Vietnam', async () => {
  await enter();
  await page.getByTestId('lang-switch').click();
  await page.reload();
  await page.getByRole('button', { name: 'Camera wall' }).waitFor();
  expect(await page.locator('html').getAttribute('lang')).toBe('en');
  const shown = await page.locator('time.clock b').innerText();
  const there = new Date(Date.now() + 7 * 3_600_000).toISOString().slice(11, 16);
  const justBefore = new Date(Date.now() + 7 * 3_600_000 - 60_000).toISOString().slice(11, 16);
  expect([there, justBefore]).toContain(shown.slice(0, 5));
});

it('shows each camera with its state, and one in full', async () => {
  await enter();
  await page.getByTestId('tab-wall').click();
  await expect.poll(() => page.getByTestId('camera-tile').count()).toBe(18);
  const lost = page.locator('[data-testid=camera-tile][data-camera=tran-van-on]');
  expect(await lost.getAttribute('data-state')).toBe('lost');
  expect(await lost.innerText()).toContain('sai tên hoặc mật khẩu camera');
  await lost.click();
  await expect.poll(() => page.getByTestId('camera-detail').innerText()).toContain('Tin từ trạm biên');
  await page.keyboard.press('Escape');
  await page.getByRole('searchbox').fill('phu cuong');
  await expect.poll(() => page.getByTestId('camera-tile').count()).toBe(1);
});

it('gets the clip of an event, and plays it', async () => {
  await enter();
  await row('traffic.congestion').click();
  await page.getByTestId('clip-request').click();
  await page.locator('[data-testid=clip][data-state=requested]').waitFor();
  await page.locator('[data-testid=clip][data-state=ready]').waitFor();
});

it('says that it may be out of date when the centre is silent, and catches up when it is back', async () => {
  await page.clock.install();
  await enter();
  await breakDown();
  await expect.poll(() => page.getByTestId('live-state').getAttribute('data-phase')).not.toBe('live');
  await page.clock.fastForward(25_000);
  await expect.poll(() => page.getByText('Thông tin trên màn hình có thể đã cũ.').count()).toBe(1);
  await serve();
  // A centre that has forgotten everything: its city is a new one.
  await expect
    .poll(async () => {
      await page.clock.fastForward(5_000);
      return page.getByTestId('live-state').getAttribute('data-phase');
    })
    .toBe('live');
  await expect.poll(() => page.getByText('Thông tin trên màn hình có thể đã cũ.').count()).toBe(0);
  await expect.poll(() => row('fire.flame').getAttribute('data-state')).toBe('new');
}, 60_000);
