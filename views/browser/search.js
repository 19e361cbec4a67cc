/**
 * A list that is found as one types: the page of the same form is fetched, and the parts of it that
 * depend on what was asked take the place of those that stand here. The button of the form does the
 * same without a script.
 */
/** Long enough for the next key, short enough not to be waited for. */
const TYPING_MS = 200

const form = document.querySelector('form[data-find]')
const status = document.querySelector('[data-find-status]')
/** @type {AbortController | undefined} */
let asking
/** @type {number | undefined} */
let timer
let asked = location.search

if (form instanceof HTMLFormElement) start(form)

/** @param {HTMLFormElement} element */
function start(element) {
  element.addEventListener('input', ({ target }) => {
    const isTyped = target instanceof HTMLInputElement
    clearTimeout(timer)
    timer = setTimeout(() => void find(element), isTyped ? TYPING_MS : 0)
  })
  element.addEventListener('submit', (event) => {
    event.preventDefault()
    clearTimeout(timer)
    void find(element)
  })
}

/** @param {HTMLFormElement} element */
function addressOf(element) {
  const query = new URLSearchParams()
  for (const [name, value] of new FormData(element)) {
    if (typeof value === 'string' && value.trim() !== '') query.set(name, value)
  }
  const text = query.toString()
  return text === '' ? element.action : `${element.action}?${text}`
}

/** @param {HTMLFormElement} element */
async function find(element) {
  const address = addressOf(element)
  if (address === asked) return
  asked = address
  asking?.abort()
  const mine = new AbortController()
  asking = mine
  try {
    const response = await fetch(address, { signal: mine.signal })
    // Signed out meanwhile, or no page of ours: the browser goes there by itself.
    if (response.redirected || !response.ok) {
      location.assign(address)
      return
    }
    show(await response.text())
    history.replaceState(null, '', address)
  } catch {
    // The network; or another question took the place of this one, and says what it found.
    if (mine.signal.aborted) return
    asked = ''
    say(status instanceof HTMLElement ? (status.dataset['failed'] ?? '') : '')
  }
}

/** @param {string} html */
function show(html) {
  const page = new DOMParser().parseFromString(html, 'text/html')
  for (const part of document.querySelectorAll('[data-refreshed]')) {
    const fresh = page.getElementById(part.id)
    // What has the focus stays as it is: it is what is being changed.
    if (fresh !== null && !part.contains(document.activeElement)) {
      part.replaceWith(document.adoptNode(fresh))
    }
  }
  const results = document.querySelector('[data-results]')
  say(results instanceof HTMLElement ? (results.dataset['status'] ?? '') : '')
  document.dispatchEvent(new CustomEvent('refreshed'))
}

/** @param {string} text */
function say(text) {
  if (status !== null) status.textContent = text
}
