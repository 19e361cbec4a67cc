/**
 * *Forgotten password?* takes along the identifier that was typed already, and nothing else of the
 * login form: never the password.
 */
const IDENTIFIER_LENGTH_MAX = 256

const typed = document.querySelector('input[name="identifier"]')
const forgotten = document.querySelector('form[action$="/forgotten_password"]')
if (typed instanceof HTMLInputElement && forgotten) {
  forgotten.addEventListener('formdata', (event) => {
    if (event instanceof FormDataEvent) {
      event.formData.set('identifier', typed.value.slice(0, IDENTIFIER_LENGTH_MAX))
    }
  })
}
