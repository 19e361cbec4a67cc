/**
 * A new PIN in two short steps on one page: type it, validate, type it again, validate. The server
 * checks everything again; without this script both fields are simply there.
 */
const entry = document.querySelector('[data-stages]')
const form = entry?.closest('form')
if (entry instanceof HTMLElement && form) start(entry, form)

/**
 * @param {HTMLElement} root
 * @param {HTMLFormElement} owner
 */
function start(root, owner) {
  const stages = [...root.querySelectorAll('[data-stage]')].filter((s) => s instanceof HTMLElement)
  const [pin, confirmation] = stages.map((stage) => stage.querySelector('input'))
  const restart = owner.querySelector('[data-restart]')
  if (!pin || !confirmation || !(restart instanceof HTMLElement)) return
  let step = 0

  /** @param {number} next */
  const show = (next) => {
    step = next
    for (const [index, stage] of stages.entries()) stage.hidden = index !== step
    restart.hidden = step === 0
  }
  /** @param {string} said */
  const again = (said) => {
    pin.value = ''
    confirmation.value = ''
    show(0)
    say(pin, said)
    focus(pin)
  }
  const problem = () => {
    if (step === 1) return confirmation.value === pin.value ? '' : root.dataset['mismatch']
    return pin.value.length < pin.minLength ? root.dataset['format'] : ''
  }
  /** @param {Event} event */
  const submit = (event) => {
    if (choosesNoPin(owner)) return
    const found = problem()
    if (step === 1 && !found) return
    event.preventDefault()
    if (found) return again(found)
    say(pin, '')
    show(1)
    focus(confirmation)
  }

  show(0)
  restart.addEventListener('click', () => again(''))
  owner.addEventListener('submit', submit)
}

/** @param {HTMLFormElement} owner */
function choosesNoPin(owner) {
  const tick = owner.elements.namedItem('define_pin')
  return tick instanceof HTMLInputElement && !tick.checked
}

/**
 * On a touch screen the field would open the phone's keyboard over the keypad: there the step
 * itself is focused, so that screen readers still say what comes now.
 * @param {HTMLInputElement} field
 */
function focus(field) {
  const stage = field.closest('[data-stage]')
  const target = matchMedia('(pointer: coarse)').matches ? stage : field
  if (!(target instanceof HTMLElement)) return
  if (target === stage) {
    target.tabIndex = -1
    target.setAttribute('role', 'group')
    target.setAttribute('aria-label', field.labels?.[0]?.textContent ?? '')
    target.setAttribute('aria-describedby', field.getAttribute('aria-describedby') ?? '')
  }
  target.focus()
}

/**
 * Puts the problem beside the field, as the server would.
 * @param {HTMLInputElement} field
 * @param {string} problem empty: none any more
 */
function say(field, problem) {
  const id = `${field.id}-error`
  document.getElementById(id)?.remove()
  field.removeAttribute('aria-invalid')
  field.setAttribute('aria-describedby', `${field.id}-hint`)
  // What the server said of the last code is no longer what is wrong.
  document.querySelector('.notice-error')?.remove()
  if (!problem) return
  const text = document.createElement('p')
  text.id = id
  text.className = 'field-error'
  text.setAttribute('role', 'alert')
  text.textContent = problem
  field.before(text)
  field.setAttribute('aria-invalid', 'true')
  field.setAttribute('aria-describedby', `${field.id}-hint ${id}`)
}
