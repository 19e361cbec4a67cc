/**
 * A job that goes on: its part of the page is fetched anew every other second, until it is over.
 * What somebody is about to press, or reads in, stays: nothing is replaced while the focus is in it.
 * A screen reader is told when the state changes; figures alone are no news. Without this script
 * the page refreshes itself.
 */
const PAUSE_MS = 1_500

const part = document.querySelector('[data-progress]')
const status = document.querySelector('[data-progress-status]')
if (part instanceof HTMLElement && status && part.hasAttribute('data-goes-on'))
  void follow(part, status)

/**
 * @param {HTMLElement} first
 * @param {Element} told
 */
async function follow(first, told) {
  let shown = first
  while (shown.hasAttribute('data-goes-on')) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    const next = document.hidden ? null : await fetched()
    if (!next) continue
    if (next.dataset['said'] !== shown.dataset['said'])
      told.textContent = next.dataset['said'] ?? ''
    const isBusy = shown.contains(document.activeElement) && next.hasAttribute('data-goes-on')
    if (isBusy) continue
    shown.replaceWith(next)
    shown = next
  }
}

/** The part as it is by now; null: not to be had at this moment, or somebody has signed out. */
async function fetched() {
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (!answer.ok || answer.redirected) return null
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const found = page.querySelector('[data-progress]')
    return found instanceof HTMLElement ? found : null
  } catch {
    return null // No network at this moment: asked again.
  }
}
