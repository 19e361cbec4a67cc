/**
 * Says under a new password, while it is typed, all that is still wrong with it, a line each. The
 * server judges, by the rules that hold when the form is sent; nothing here holds anything back, and
 * where there is no answer nothing is said.
 */
const WAIT_MS = 400

const region = document.querySelector('[data-judge]')
const field = document.getElementById('new_password')
if (region instanceof HTMLElement && field instanceof HTMLInputElement) start(region, field)

/**
 * @param {HTMLElement} status
 * @param {HTMLInputElement} input
 */
function start(status, input) {
  let asked = ''
  let waiting = 0
  let asking = new AbortController()

  const ask = async () => {
    clearTimeout(waiting)
    if (input.value === asked) return
    asked = input.value
    // An answer to what was typed before would come too late.
    asking.abort()
    asking = new AbortController()
    const { signal } = asking
    const judgement = asked === '' ? undefined : await judge(status, asked, signal)
    if (!signal.aborted) say(status, judgement)
  }
  input.addEventListener('input', () => {
    clearTimeout(waiting)
    waiting = setTimeout(ask, input.value === '' ? 0 : WAIT_MS)
  })
  input.addEventListener('blur', ask)
}

/**
 * @param {HTMLElement} status
 * @param {string} password
 * @param {AbortSignal} signal
 * @returns {Promise<{ ok: boolean, refusals: string[] } | undefined>} undefined: no answer
 */
async function judge({ dataset }, password, signal) {
  try {
    const response = await fetch(dataset['judge'] ?? '', {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams({ csrf: dataset['csrf'] ?? '', new_password: password }),
      redirect: 'error',
      signal,
    })
    return response.ok ? await response.json() : undefined
  } catch {
    return undefined
  }
}

/**
 * The same words are not put there again: a screen reader would say them again.
 * @param {HTMLElement} status
 * @param {{ ok: boolean, refusals: string[] } | undefined} judgement
 */
function say(status, judgement) {
  const { ok = false, refusals = [] } = judgement ?? {}
  const text = (ok ? status.dataset['good'] : refusals.join('\n')) ?? ''
  status.classList.toggle('judged-good', ok)
  if (status.textContent !== text) status.textContent = text
}
