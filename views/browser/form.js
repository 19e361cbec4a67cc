/**
 * Small comforts of every form: a second click does not send it twice, and what went wrong takes
 * the focus, also where `autofocus` is ignored.
 */
const SENT = 'sent'
/** A sending that the person stopped must not close the form for good. */
const AGAIN_AFTER_MS = 8_000

// On the document, so that a script that holds a form back (stages.js) has spoken before.
document.addEventListener('submit', (event) => {
  const form = event.target
  if (!(form instanceof HTMLFormElement) || !('once' in form.dataset)) return
  if (event.defaultPrevented) return
  if (SENT in form.dataset) event.preventDefault()
  form.dataset[SENT] = ''
  setTimeout(() => delete form.dataset[SENT], AGAIN_AFTER_MS)
})

// A page that comes back by the back button may be sent again.
window.addEventListener('pageshow', () => {
  for (const form of document.forms) delete form.dataset[SENT]
})

// Browsers look for `autofocus` before the next frame: whoever focuses earlier stands in its way.
requestAnimationFrame(() => {
  const wrong = document.querySelector('[data-focus]')
  if (wrong instanceof HTMLElement && document.activeElement === document.body) wrong.focus()
})
