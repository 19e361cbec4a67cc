/** The workspace's own words. It is an application like any other: the gateway's texts are not its. */
export type Locale = 'en' | 'fr'
export const LOCALES: readonly Locale[] = ['en', 'fr']

const en = {
  tagline: 'A sample application. People sign in to it through Vestibule, the school’s gateway.',
  home_title: 'Welcome',
  home_text: 'Sign in with your school account. This application never sees your password or PIN.',
  sign_in: 'Sign in',
  signed_in_title: 'Hello, {name}',
  who: 'Who you are here',
  who_name: 'Name',
  who_type: 'User type',
  who_proof: 'Proved by',
  who_time: 'Signed in at',
  try_title: 'Try something',
  grade_book: 'Open the grade book',
  grade_book_hint: 'Asks for the PIN if it was not proved yet; goes on without where it can’t be.',
  confidential: 'Open the confidential file',
  confidential_hint: 'Insists on the PIN: without it the gateway answers with an error.',
  exam_papers: 'Open the exam papers',
  exam_papers_hint: 'Insists on the passcode of an OTP key, and on nothing less.',
  again: 'Sign in again',
  again_hint: 'Asks for your password afresh, although you are signed in.',
  refresh: 'Refresh',
  refresh_hint: 'Fetches your data again with the refresh token, without a page.',
  sign_out: 'Sign out',
  sign_out_hint: 'Here and at the gateway.',
  claims_title: 'What the gateway said about you',
  claims_claim: 'Claim',
  claims_value: 'Value',
  claims_source: 'Where from',
  source_id_token: 'ID token',
  source_userinfo: 'userinfo',
  source_both: 'both',
  notice_grade_book_open: 'The grade book is open: your PIN was proved.',
  notice_grade_book_closed: 'The grade book stays closed: it needs your PIN, which was not proved.',
  notice_confidential_open: 'The confidential file is open: your PIN was proved.',
  notice_exam_papers_open: 'The exam papers are open: your OTP key was proved.',
  notice_refreshed: 'Your data was fetched again.',
  notice_signed_out: 'You are signed out.',
  notice_ended: 'The gateway ended your session. Sign in again to go on.',
  error_title: 'That did not work',
  error_code: 'Error',
  error_description: 'Description',
  error_back: 'Back to the start',
  why_access_denied: 'The gateway did not let you into this application.',
  why_unmet_authentication_requirements:
    'This needs a stronger proof than your account can give at the moment.',
  why_login_required: 'You need to sign in first.',
  why_invalid_grant: 'Your session with the gateway has ended. Please sign in again.',
  why_unknown_state:
    'This sign-in was not started in this browser, is too old, or was already used. Please start again.',
  why_acr_not_met: 'The gateway’s answer does not contain the proof that was asked for.',
  why_other_issuer: 'Another gateway sent you here. This application does not know it.',
  why_gateway_unreachable: 'The gateway does not answer. Please try again in a moment.',
  why_forbidden_origin: 'This form came from another site and was refused.',
  why_not_found: 'There is no such page here.',
  why_too_large: 'The form that was sent is too large.',
  why_other: 'The gateway and this application did not understand each other.',
  languages: 'Language',
} as const

export type TextKey = keyof typeof en

const fr: Record<TextKey, string> = {
  tagline:
    'Une application d’exemple. On s’y connecte par Vestibule, la passerelle de l’établissement.',
  home_title: 'Bienvenue',
  home_text:
    'Connectez-vous avec votre compte scolaire. Cette application ne voit jamais votre mot de passe ni votre code PIN.',
  sign_in: 'Se connecter',
  signed_in_title: 'Bonjour, {name}',
  who: 'Qui vous êtes ici',
  who_name: 'Nom',
  who_type: 'Type d’utilisateur',
  who_proof: 'Preuve donnée',
  who_time: 'Connexion à',
  try_title: 'À essayer',
  grade_book: 'Ouvrir le carnet de notes',
  grade_book_hint:
    'Demande le code PIN s’il n’a pas été saisi\u00a0; continue sans s’il ne peut l’être.',
  confidential: 'Ouvrir le dossier confidentiel',
  confidential_hint: 'Exige le code PIN\u00a0: sans lui, la passerelle répond par une erreur.',
  exam_papers: 'Ouvrir les sujets d’examen',
  exam_papers_hint: 'Exige le passcode d’une clé OTP, et rien de moins.',
  again: 'Se reconnecter',
  again_hint: 'Redemande votre mot de passe, bien que vous soyez connecté.',
  refresh: 'Actualiser',
  refresh_hint: 'Relit vos données avec le jeton de rafraîchissement, sans passer par une page.',
  sign_out: 'Se déconnecter',
  sign_out_hint: 'Ici et sur la passerelle.',
  claims_title: 'Ce que la passerelle dit de vous',
  claims_claim: 'Donnée',
  claims_value: 'Valeur',
  claims_source: 'Origine',
  source_id_token: 'ID token',
  source_userinfo: 'userinfo',
  source_both: 'les deux',
  notice_grade_book_open: 'Le carnet de notes est ouvert\u00a0: votre code PIN a été vérifié.',
  notice_grade_book_closed:
    'Le carnet de notes reste fermé\u00a0: il demande votre code PIN, qui n’a pas été vérifié.',
  notice_confidential_open:
    'Le dossier confidentiel est ouvert\u00a0: votre code PIN a été vérifié.',
  notice_exam_papers_open: 'Les sujets d’examen sont ouverts\u00a0: votre clé OTP a été vérifiée.',
  notice_refreshed: 'Vos données ont été relues.',
  notice_signed_out: 'Vous êtes déconnecté.',
  notice_ended: 'La passerelle a mis fin à votre session. Reconnectez-vous pour continuer.',
  error_title: 'Cela n’a pas marché',
  error_code: 'Erreur',
  error_description: 'Description',
  error_back: 'Retour au début',
  why_access_denied: 'La passerelle ne vous a pas laissé entrer dans cette application.',
  why_unmet_authentication_requirements:
    'Il faut une preuve plus forte que ce que votre compte permet pour le moment.',
  why_login_required: 'Il faut d’abord vous connecter.',
  why_invalid_grant: 'Votre session sur la passerelle est terminée. Reconnectez-vous.',
  why_unknown_state:
    'Cette connexion n’a pas commencé dans ce navigateur, est trop ancienne ou a déjà servi. Recommencez.',
  why_acr_not_met: 'La réponse de la passerelle ne contient pas la preuve demandée.',
  why_other_issuer: 'Une autre passerelle vous a envoyé ici. Cette application ne la connaît pas.',
  why_gateway_unreachable: 'La passerelle ne répond pas. Réessayez dans un instant.',
  why_forbidden_origin: 'Ce formulaire venait d’un autre site et a été refusé.',
  why_not_found: 'Cette page n’existe pas ici.',
  why_too_large: 'Le formulaire envoyé est trop grand.',
  why_other: 'La passerelle et cette application ne se sont pas comprises.',
  languages: 'Langue',
}

const TEXTS: Readonly<Record<Locale, Record<TextKey, string>>> = { en, fr }

/** The text of a key, with `{name}` replaced where given. */
export function text(locale: Locale, key: TextKey, name = ''): string {
  return TEXTS[locale][key].replace('{name}', name)
}

/** The sentence for an error code, or the general one. */
export function whyText(locale: Locale, code: string): string {
  const key = `why_${code}`
  return key in TEXTS[locale] ? TEXTS[locale][key as TextKey] : TEXTS[locale].why_other
}

/** The first language of an Accept-Language header that we speak (RFC 9110 §12.5.4), else English. */
export function localeFrom(acceptLanguage: string | undefined): Locale {
  const wanted = (acceptLanguage ?? '')
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.trim().split(';')
      const q = parameters.map((p) => p.trim()).find((p) => p.startsWith('q='))
      return { language: tag.slice(0, 2).toLowerCase(), q: q ? Number(q.slice(2)) : 1 }
    })
    .filter(({ q }) => q > 0)
    .sort((a, b) => b.q - a.q)
  return wanted.map(({ language }) => asLocale(language)).find(Boolean) ?? 'en'
}

/** The locale of that name, or undefined. */
export function asLocale(name: string | null | undefined): Locale | undefined {
  return LOCALES.find((locale) => locale === name)
}
