/** Shows the typed password while the button is pressed in, and never when the form leaves. */
for (const button of document.querySelectorAll('[data-reveal]')) {
  const input = button.previousElementSibling
  if (button instanceof HTMLButtonElement && input instanceof HTMLInputElement) {
    prepare(button, input)
  }
}

/**
 * @param {HTMLButtonElement} button
 * @param {HTMLInputElement} input
 */
function prepare(button, input) {
  /** @param {boolean} shown */
  const show = (shown) => {
    input.type = shown ? 'text' : 'password'
    button.setAttribute('aria-pressed', String(shown))
  }
  button.hidden = false
  button.addEventListener('click', () => show(input.type === 'password'))
  // A text field would be kept in the history of what was typed in forms.
  input.form?.addEventListener('submit', () => show(false))
  window.addEventListener('pageshow', () => show(false))
}
