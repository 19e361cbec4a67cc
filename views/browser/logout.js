/** The application proved whom it signs out: the form is sent at once, without a second click. */
const button = document.querySelector('[data-auto] [name="logout"]')
if (button instanceof HTMLButtonElement) button.form?.requestSubmit(button)
