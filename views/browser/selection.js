/**
 * A table whose rows are selected: Ctrl+A takes all that match, the right button of the mouse and
 * the menu key open the menu of acts where they are. Ticks and the button of the menu do the same
 * without a script.
 */
const form = document.querySelector('form[data-selection]')
const menu = document.querySelector('[data-menu]')
const list = menu?.querySelector('.act-list')
const said = document.querySelector('[data-chosen]')
const NONE_TEXT = form instanceof HTMLFormElement ? (form.dataset['noneText'] ?? '') : ''
/** Where the focus goes back to when the menu closes. @type {HTMLElement | null} */
let opener = null

if (form instanceof HTMLFormElement && menu instanceof HTMLDetailsElement) start(form, menu)

/**
 * @param {HTMLFormElement} element
 * @param {HTMLDetailsElement} details
 */
function start(element, details) {
  element.addEventListener('change', ({ target }) => {
    if (target === all()) pick(false)
    tell()
  })
  element.addEventListener('click', ({ target }) => {
    if (!(target instanceof Element) || target.closest('[data-page]') === null) return
    pick(true)
    tell()
  })
  element.addEventListener('keydown', (event) => onKey(event, details))
  element.addEventListener('contextmenu', (event) => onMenu(event, details))
  details.addEventListener('toggle', () => {
    if (!details.open) anchor(details, null)
  })
  document.addEventListener('pointerdown', ({ target }) => {
    if (details.open && target instanceof Node && !details.contains(target)) details.open = false
  })
  document.addEventListener('refreshed', tell)
  // A browser that comes back keeps the ticks.
  tell()
}

function all() {
  const found = document.querySelector('input[name="all"]')
  return found instanceof HTMLInputElement ? found : null
}

/** @returns {HTMLInputElement[]} */
function ones() {
  return [...document.querySelectorAll('input[data-one]')].filter(
    (one) => one instanceof HTMLInputElement,
  )
}

/** Ticks everybody of this page, or nobody. @param {boolean} isPicked */
function pick(isPicked) {
  for (const one of ones()) one.checked = isPicked
}

/** Says how many are selected; all of them are on the page, too. */
function tell() {
  const everybody = all()?.checked === true
  const page = document.querySelector('[data-page]')
  if (page instanceof HTMLButtonElement) {
    page.hidden = false
    page.disabled = everybody
  }
  for (const one of ones()) {
    if (everybody) one.checked = true
    one.closest('tr')?.toggleAttribute('data-chosen-row', one.checked)
    one.disabled = everybody
  }
  const text = chosenText(everybody)
  // Nothing is said of a page that was only opened.
  const isNew = said !== null && said.textContent !== text
  if (isNew && (said.textContent !== '' || text !== NONE_TEXT)) said.textContent = text
}

/** @param {boolean} everybody */
function chosenText(everybody) {
  if (!(form instanceof HTMLFormElement)) return ''
  const { allText = '', someText = '', oneText = '' } = form.dataset
  const count = ones().filter(({ checked }) => checked).length
  if (everybody) return allText
  if (count === 0) return NONE_TEXT
  return count === 1 ? oneText : someText.replace('#', String(count))
}

/** @param {KeyboardEvent} event @param {HTMLDetailsElement} details */
function onKey(event, details) {
  if (isSelectAll(event)) {
    selectAll(event)
  } else if (event.key === 'Escape' && details.open) {
    event.preventDefault()
    details.open = false
    opener?.focus()
  } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && details.open) {
    move(event, event.key === 'ArrowDown' ? 1 : -1)
  }
}

/** @param {KeyboardEvent} event */
function isSelectAll({ key, ctrlKey, metaKey, shiftKey, altKey }) {
  return key === 'a' && (ctrlKey || metaKey) && !shiftKey && !altKey
}

/** @param {KeyboardEvent} event */
function selectAll(event) {
  const everybody = all()
  if (everybody === null || !isInTable(event.target)) return
  event.preventDefault()
  everybody.checked = true
  tell()
}

/** @param {EventTarget | null} target */
function isInTable(target) {
  return target instanceof Element && target.closest('[data-results]') !== null
}

/** @param {KeyboardEvent} event @param {number} step */
function move(event, step) {
  const buttons = [...(list?.querySelectorAll('button') ?? [])]
  const at = buttons.findIndex((button) => button.matches(':focus'))
  const next = at < 0 ? 0 : (at + step + buttons.length) % buttons.length
  event.preventDefault()
  buttons[next]?.focus()
}

/** @param {MouseEvent} event @param {HTMLDetailsElement} details */
function onMenu(event, details) {
  const row = event.target instanceof Element ? event.target.closest('tr[data-person]') : null
  const one = row?.querySelector('input[data-one]')
  if (!(row instanceof HTMLElement) || !(one instanceof HTMLInputElement)) return
  event.preventDefault()
  if (!one.checked) {
    // As in every list: whoever is not of the selection becomes it.
    for (const other of ones()) other.checked = other === one
    tell()
  }
  opener = document.activeElement instanceof HTMLElement ? document.activeElement : null
  if (opener === null || opener === document.body) opener = one
  details.open = true
  // The menu key has no pointer: the menu opens at the row.
  const box = row.getBoundingClientRect()
  const isByKey = event.button !== 2
  anchor(details, {
    x: isByKey ? box.left + 48 : event.clientX,
    y: isByKey ? box.bottom : event.clientY,
  })
  list?.querySelector('button')?.focus()
}

/**
 * Puts the menu at a point of the window, so that all of it is seen; null: below its button.
 * @param {HTMLDetailsElement} details
 * @param {{ x: number, y: number } | null} point
 */
function anchor(details, point) {
  details.toggleAttribute('data-at-pointer', point !== null)
  if (!(list instanceof HTMLElement)) return
  if (point === null) {
    list.style.removeProperty('left')
    list.style.removeProperty('top')
    return
  }
  const { offsetWidth, offsetHeight } = list
  list.style.left = `${Math.max(4, Math.min(point.x, innerWidth - offsetWidth - 4))}px`
  list.style.top = `${Math.max(4, Math.min(point.y, innerHeight - offsetHeight - 4))}px`
}
