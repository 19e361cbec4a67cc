import { type Html, html } from './html.ts'
import { type MailTextKey, mailText } from './mail_texts.ts'
import type { ReceivedMail } from './mailbox.ts'
import { type PageFrame, page } from './workspace_pages.ts'
import type { Locale } from './workspace_texts.ts'

export const MAILBOX_PATH = '/mailbox'

const timeOf = (locale: Locale, atMs: number): string =>
  new Intl.DateTimeFormat(locale, { timeStyle: 'medium' }).format(atMs)

/** Addresses in a text become links; everything else stays as it is written. */
function linked(text: string): Html[] {
  return text
    .split(/(https?:\/\/\S+)/)
    .map((piece, nth) => (nth % 2 === 1 ? html`<a href="${piece}">${piece}</a>` : html`${piece}`))
}

/** The start page's way to the mails. */
export function mailboxInvitation(locale: Locale): Html {
  return html`<p><a class="button" href="${MAILBOX_PATH}" target="_blank" rel="noopener">${mailText(locale, 'link')}</a></p>`
}

/** Every mail that the gateway has sent, as its reader would see it. */
export function mailboxPage(frame: PageFrame, mails: readonly ReceivedMail[]): string {
  const { locale } = frame
  const say = (key: MailTextKey) => mailText(locale, key)
  const list =
    mails.length === 0
      ? html`<p>${say('empty')}</p>`
      : html`${mails.map(
          ({
            id,
            to,
            subject,
            text,
            atMs,
          }) => html`<section class="mail" aria-labelledby="mail-${id}" data-mail="${id}">
<h2 id="mail-${id}">${subject}</h2>
<p class="hint">${say('to')} ${to}, ${timeOf(locale, atMs)}</p>
<pre>${linked(text)}</pre>
</section>`,
        )}`
  return page(
    { ...frame, path: MAILBOX_PATH },
    'mailbox',
    say('title'),
    html`<p>${say('intro')}</p>
<p class="ways"><a class="button" href="${MAILBOX_PATH}">${say('reload')}</a>
<a class="button" href="/">${say('back')}</a></p>
${list}`,
  )
}
