/**
 * The numeric keypad: types into the PIN field beside it. One stop for the Tab key, arrows move
 * inside, digits typed on the keyboard count too. The field itself stays the plain way.
 */
const COLUMNS = 3
/** The places of the style sheet, row by row. */
const SLOTS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', 'clear', '9', 'erase']
/** @type {Readonly<Record<string, number>>} */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS }

const keypad = document.querySelector('[data-keypad]')
const status = document.querySelector('[data-entered]')
const entered = status?.getAttribute('data-entered')?.split('|') ?? []
const fields = [...document.querySelectorAll('[data-pin]')].filter(
  (field) => field instanceof HTMLInputElement,
)
let current = fields[0]

for (const field of fields) {
  field.addEventListener('focus', () => {
    current = field
  })
  field.addEventListener('input', () => {
    const digits = digitsOf(field.value)
    if (digits !== field.value) field.value = digits
  })
  // Before the field cuts "12 34" to its greatest length, the space included.
  field.addEventListener('paste', (event) => {
    const digits = digitsOf(event.clipboardData?.getData('text') ?? '')
    event.preventDefault()
    if (digits) change(field, () => digits)
  })
}

if (keypad instanceof HTMLElement) start(keypad)

/** @param {HTMLElement} element */
function start(element) {
  const keys = inDrawnOrder(element)
  element.hidden = false
  rove(keys, 0)
  // The field keeps the focus (and a phone its keyboard closed) while keys are pressed.
  element.addEventListener('pointerdown', (event) => event.preventDefault())
  element.addEventListener('click', (event) => {
    const key = event.target instanceof Element ? event.target.closest('button') : null
    if (key) press(key)
  })
  element.addEventListener('keydown', (event) => onKey(event, keys))
}

/** @param {HTMLButtonElement} key */
function press(key) {
  const field = visibleField()
  if (!field) return
  const { digit, clear } = key.dataset
  if (digit !== undefined) change(field, (value) => value + digit)
  else change(field, (value) => (clear === undefined ? value.slice(0, -1) : ''))
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLButtonElement[]} keys
 */
function onKey(event, keys) {
  const field = visibleField()
  if (!field || event.ctrlKey || event.metaKey || event.altKey) return
  if (/^\d$/.test(event.key)) change(field, (value) => value + event.key)
  else if (event.key === 'Backspace') change(field, (value) => value.slice(0, -1))
  else if (event.key in STEPS) move(keys, STEPS[event.key] ?? 0)
  else return
  event.preventDefault()
}

/**
 * @param {HTMLButtonElement[]} keys
 * @param {number} step
 */
function move(keys, step) {
  const from = keys.findIndex((key) => key.tabIndex === 0)
  const to = from + step
  if (to < 0 || to >= keys.length) return
  rove(keys, to)
  keys[to]?.focus()
}

/**
 * @param {HTMLButtonElement[]} keys
 * @param {number} chosen
 */
function rove(keys, chosen) {
  for (const [index, key] of keys.entries()) key.tabIndex = index === chosen ? 0 : -1
}

/**
 * @param {HTMLElement} element
 * @returns {HTMLButtonElement[]} row by row, as the style sheet places them
 */
function inDrawnOrder(element) {
  /** @param {Element} key */
  const place = (key) => key.className.replace(/.*\bslot-(\w+).*/, '$1')
  return [...element.querySelectorAll('button')].sort(
    (a, b) => SLOTS.indexOf(place(a)) - SLOTS.indexOf(place(b)),
  )
}

/** @param {string} text */
function digitsOf(text) {
  return text.replace(/\D/g, '')
}

function visibleField() {
  return [current, ...fields].find((field) => field?.checkVisibility?.() ?? field?.offsetParent)
}

/**
 * @param {HTMLInputElement} field
 * @param {(value: string) => string} edit
 */
function change(field, edit) {
  field.value = edit(field.value).slice(0, field.maxLength)
  field.dispatchEvent(new Event('input', { bubbles: true }))
  if (status) status.textContent = entered[field.value.length] ?? ''
}
