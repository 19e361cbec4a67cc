import { type Html, html } from './html.ts'
import { type KeyTextKey, keyText } from './key_texts.ts'
import { GAUGE_BARS, type KeyWindow, playKey } from './otp_key.ts'
import type { SampleKey } from './sample_keys.ts'
import { type PageFrame, page } from './workspace_pages.ts'
import type { Locale } from './workspace_texts.ts'

export const KEYS_PATH = '/keys'

/** A key as the workspace plays it. */
export interface PlayedKey extends SampleKey {
  /** The name of its holder. */
  readonly holder: string
}

/** The three steps of each kind of key. */
const STEPS: Readonly<Record<'in_service' | 'unused', readonly KeyTextKey[]>> = {
  in_service: ['in_service_1', 'in_service_2', 'in_service_3'],
  unused: ['unused_1', 'unused_2', 'unused_3'],
}

/** Puts what the window of each key shows now, by serial, into the page's script's hands. */
export function keyWindows(keys: readonly PlayedKey[], nowMs: number): string {
  return JSON.stringify(Object.fromEntries(keys.map((key) => [key.serial, playKey(key, nowMs)])))
}

/** Every key with its code and gauge. Without scripts the browser loads it again at each code. */
export function keysPage(frame: PageFrame, keys: readonly PlayedKey[], nowMs: number): string {
  const { locale } = frame
  const windows = keys.map((key) => ({ key, window: playKey(key, nowMs) }))
  const soonestMs = Math.min(...windows.map(({ window }) => window.leftMs))
  const head = html`<noscript><meta http-equiv="refresh" content="${Math.ceil(soonestMs / 1000)}"></noscript>
<script src="/key_page.js" defer></script>`
  return page(
    { ...frame, path: KEYS_PATH, head },
    'keys',
    keyText(locale, 'keys_title'),
    html`<p>${keyText(locale, 'keys_intro')}</p>
<p class="notice problem" role="alert" data-unreachable hidden>${keyText(locale, 'unreachable')}</p>
${windows.map(({ key, window }) => keyBox(locale, key, window))}
<p>${keyText(locale, 'first_start')}</p>
<p class="ways"><a class="button" href="${KEYS_PATH}">${keyText(locale, 'reload')}</a>
<a class="button" href="/">${keyText(locale, 'keys_back')}</a></p>`,
  )
}

function keyBox(locale: Locale, key: PlayedKey, { code, leftMs, bars }: KeyWindow): Html {
  const { serial, holder } = key
  const gauge = Array.from({ length: GAUGE_BARS }, (_, index) =>
    index < bars ? html`<i class="on"></i>` : html`<i></i>`,
  )
  // Spoken as digits, not as a number of some hundred thousand.
  const spoken = [...code].join(' ')
  const seconds = Math.ceil(leftMs / 1000)
  return html`<section class="key" aria-labelledby="${serial}" data-key="${serial}" data-left-ms="${leftMs}">
<h2 id="${serial}">${holder}</h2>
<div class="fob">
<p class="lcd"><span class="gauge" aria-hidden="true" data-gauge>${gauge}</span>
<span class="digits" aria-hidden="true" data-code>${code}</span><span class="unseen" data-spoken>${spoken}</span></p>
<p class="serial">${keyText(locale, 'serial', { serial })}</p>
</div>
<p class="left" data-left="${keyText(locale, 'left', { seconds: '#' })}">${keyText(locale, 'left', { seconds })}</p>
${howTo(locale, key)}
</section>
`
}

/** For the start page: whose keys there are, and what to do with each. */
export function keysInvitation(locale: Locale, keys: readonly PlayedKey[]): Html | undefined {
  if (keys.length === 0) return undefined
  const each = keys.map(
    (key) => html`<section data-try="${key.serial}">
<h3>${key.holder}</h3>
${howTo(locale, key)}
</section>
`,
  )
  return html`<section class="invitation" aria-labelledby="try-keys">
<h2 id="try-keys">${keyText(locale, 'try_title')}</h2>
<p><a class="button" href="${KEYS_PATH}" target="_blank" rel="noopener">${keyText(locale, 'keys_link')}</a></p>
${each}</section>`
}

function howTo(locale: Locale, key: PlayedKey): Html {
  const { serial, identifier, pin, digits } = key
  const values = { serial, identifier, pin, digits }
  const kind = pin === null ? 'unused' : 'in_service'
  return html`<p>${keyText(locale, kind, values)}</p>
<ol>${STEPS[kind].map((step) => html`<li>${keyText(locale, step, values)}</li>`)}</ol>`
}
