/**
 * A list whose rows can be deleted: arrows go from row to row, Del presses the button of the row.
 * The buttons stay the plain way.
 */
/** Where there are no such keys, nothing is said of them. */
const keyboardLikely = matchMedia('(any-pointer: fine)').matches
/** @type {Readonly<Record<string, number>>} */
const STEPS = { ArrowUp: -1, ArrowDown: 1 }

const list = document.querySelector('[data-rows]')
const hint = document.querySelector('[data-rows-hint]')
const rows = [...document.querySelectorAll('[data-row]')].filter(
  (row) => row instanceof HTMLElement && row.querySelector('button') !== null,
)

if (list instanceof HTMLElement && hint instanceof HTMLElement && rows.length > 0) start(list, hint)

/**
 * @param {HTMLElement} element
 * @param {HTMLElement} text
 */
function start(element, text) {
  text.hidden = !keyboardLikely
  rove(0)
  element.addEventListener('keydown', onKey)
  element.addEventListener('focusin', ({ target }) => {
    const at = rowOf(target)
    if (at >= 0) rove(at)
  })
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const at = rowOf(event.target)
  if (at < 0 || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return
  const step = STEPS[event.key]
  if (step !== undefined) go(at + step)
  else if (event.key === 'Delete' && !event.repeat) rows[at]?.querySelector('button')?.click()
  else return
  event.preventDefault()
}

/** @param {number} at */
function go(at) {
  const row = rows[at]
  if (row instanceof HTMLElement) row.focus()
}

/** @param {EventTarget | null} target */
function rowOf(target) {
  return target instanceof Element ? rows.findIndex((row) => row.contains(target)) : -1
}

/**
 * One stop for the Tab key among the rows.
 * @param {number} chosen
 */
function rove(chosen) {
  for (const [index, row] of rows.entries()) {
    if (row instanceof HTMLElement) row.tabIndex = index === chosen ? 0 : -1
  }
}
