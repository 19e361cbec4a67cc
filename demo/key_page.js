/**
 * Keeps the keys' codes and gauges going. Without this script the page loads itself again at each
 * new code.
 */
const TICK_MS = 500
const ASK_AGAIN_MS = 2000

const keys = [...document.querySelectorAll('[data-key]')].map((root) => ({
  root,
  serial: root.dataset.key,
  endsMs: Date.now() + Number(root.dataset.leftMs),
  periodMs: 30_000,
}))
let asking = false
let askNotBeforeMs = 0

function draw({ root, endsMs, periodMs }) {
  const leftMs = Math.max(0, endsMs - Date.now())
  const bars = [...root.querySelectorAll('[data-gauge] i')]
  const standing = Math.ceil((leftMs * bars.length) / periodMs)
  for (const [index, bar] of bars.entries()) bar.classList.toggle('on', index < standing)
  const left = root.querySelector('[data-left]')
  left.textContent = left.dataset.left.replace('#', String(Math.ceil(leftMs / 1000)))
}

function show(key, { code, leftMs, periodMs }) {
  key.endsMs = Date.now() + leftMs
  key.periodMs = periodMs
  const shown = key.root.querySelector('[data-code]')
  // Left alone while it is the same, so that a selection to be copied stays.
  if (shown.textContent !== code) shown.textContent = code
  key.root.querySelector('[data-spoken]').textContent = [...code].join(' ')
}

async function ask() {
  if (asking || Date.now() < askNotBeforeMs) return
  asking = true
  const gone = document.querySelector('[data-unreachable]')
  try {
    const response = await fetch('/keys.json', { cache: 'no-store' })
    const windows = await response.json()
    for (const key of keys) show(key, windows[key.serial])
    gone.hidden = true
  } catch {
    // A code of the past would mislead: better none, until the demonstration answers again.
    for (const { root } of keys) root.querySelector('[data-code]').textContent = '––––––'
    gone.hidden = false
    askNotBeforeMs = Date.now() + ASK_AGAIN_MS
  } finally {
    asking = false
  }
}

async function tick() {
  if (keys.some(({ endsMs }) => endsMs <= Date.now())) await ask()
  for (const key of keys) draw(key)
}

// A page that was asleep in the background, or comes back from the history, may show old codes.
for (const woken of ['visibilitychange', 'pageshow']) {
  addEventListener(woken, () => void ask().then(tick))
}
setInterval(() => void tick(), TICK_MS)
