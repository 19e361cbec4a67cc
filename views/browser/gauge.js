/**
 * The time that the code of a key has left, counted on from what the page said when it was sent.
 * Bars vanish one by one, as on the key itself: nothing glides. A screen reader is told once, when
 * the first new code is there; the count itself is no live region.
 */
const TICK_MS = 1_000
/** Where movement is unwelcome, the count goes in steps too. */
const CALM_STEP_SECONDS = 5

const calm = matchMedia('(prefers-reduced-motion: reduce)')
const gauge = document.querySelector('[data-gauge]')
if (gauge instanceof HTMLElement) start(gauge)

/** @param {HTMLElement} root */
function start(root) {
  const text = root.querySelector('[data-gauge-text]')
  const bars = root.querySelector('[data-gauge-bars]')
  const status = root.querySelector('[data-gauge-status]')
  const period = Number(root.dataset['period'])
  const left = Number(root.dataset['left'])
  if (!text || !(bars instanceof HTMLElement) || !status || !(period > 0)) return
  const sentAt = Date.now() - (performance.now() - firstByteAt())
  const barSeconds = period / bars.children.length
  let announced = false

  const draw = () => {
    // By the clock, which goes on while a laptop sleeps.
    const sinceChange = (Date.now() - sentAt) / 1_000 - left
    const changed = sinceChange >= 0
    const remaining = changed ? period - (sinceChange % period) : -sinceChange
    text.textContent = wording(root, remaining, remaining <= barSeconds, changed)
    root.classList.toggle('gauge-soon', remaining <= barSeconds)
    for (const [index, bar] of [...bars.children].entries()) {
      bar.classList.toggle('gone', remaining <= index * barSeconds)
    }
    if (changed && !announced) {
      announced = true
      status.textContent = root.dataset['changed'] ?? ''
    }
  }
  bars.hidden = false
  draw()
  setInterval(draw, TICK_MS)
}

/**
 * @param {HTMLElement} root
 * @param {number} remaining seconds
 * @param {boolean} soon the code is about to change
 * @param {boolean} changed another one was shown when the page opened
 */
function wording({ dataset }, remaining, soon, changed) {
  const { live = '', soon: better = live, wait, ready } = dataset
  const usual = soon ? better : (ready ?? live)
  const template = wait !== undefined && !changed ? wait : usual
  const step = calm.matches ? CALM_STEP_SECONDS : 1
  return template.replace('#', String(Math.ceil(remaining / step) * step))
}

/** When the answer began to arrive: the seconds in it were true then. */
function firstByteAt() {
  const [entry] = performance.getEntriesByType('navigation')
  return entry instanceof PerformanceNavigationTiming ? entry.responseStart : 0
}
