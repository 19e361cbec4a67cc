/**
 * A new PIN in short steps on one page: the one in use where it is asked, then the new one, then
 * the new one again, each validated. The server checks everything again; without this script the
 * fields are simply there.
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
  const fields = stages.flatMap((stage) => stage.querySelector('input') ?? [])
  const [pin, confirmation] = fields.slice(-2)
  const restart = owner.querySelector('[data-restart]')
  if (!pin || !confirmation || !(restart instanceof HTMLElement)) return
  const last = fields.length - 1
  const choosing = last - 1
  let step = 0

  /** @param {number} next */
  const show = (next) => {
    step = next
    for (const [index, stage] of stages.entries()) stage.hidden = index !== step
    restart.hidden = step !== last
  }
  /**
   * Back to a step, with nothing left of what was typed from there on.
   * @param {number} from
   * @param {string} said
   */
  const again = (from, said) => {
    for (const field of fields.slice(from)) field.value = ''
    show(from)
    const field = fields[from] ?? pin
    say(field, said)
    focus(field)
  }
  const problem = () => {
    if (step === last) return confirmation.value === pin.value ? '' : root.dataset['mismatch']
    const field = fields[step] ?? pin
    if (field.value.length >= field.minLength) return ''
    return stages[step]?.dataset['format'] ?? root.dataset['format']
  }
  /** @param {Event} event */
  const submit = (event) => {
    if (choosesNoPin(owner)) return
    const found = problem()
    if (step === last && !found) return
    event.preventDefault()
    if (found) return again(Math.min(step, choosing), found)
    say(fields[step] ?? pin, '')
    show(step + 1)
    focus(fields[step] ?? pin)
  }

  show(0)
  restart.addEventListener('click', () => again(choosing, ''))
  owner.addEventListener('submit', submit)
  // What was wrong may concern a step that is not shown yet: the way there begins with the first.
  document.querySelector('.notice-error')?.addEventListener('click', (event) => {
    const link = event.target instanceof HTMLAnchorElement ? event.target : null
    if (!fields.some((field) => link?.hash === `#${field.id}` && !shown(field))) return
    event.preventDefault()
    focus(fields[step] ?? pin)
  })
}

/** @param {HTMLElement} field */
function shown(field) {
  return field.offsetParent !== null
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
