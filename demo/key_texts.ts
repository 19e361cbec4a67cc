import type { Locale } from './workspace_texts.ts'

const en = {
  keys_title: 'The OTP keys',
  keys_intro:
    'On this page you hold the two keys in your hand. Keep it open beside the sign-in page; each code serves once.',
  keys_link: 'Take the keys in your hand (new tab)',
  keys_back: 'Back to the start',
  try_title: 'Try an OTP key',
  serial: 'No. {serial}',
  left: 'Next code in {seconds} s',
  reload: 'Show the present codes',
  unreachable: 'The demonstration does not answer. Is it still running?',
  in_service: 'Key {serial}, in service. Its PIN is {pin}.',
  unused: 'Key {serial}, never used: no PIN yet, and {identifier} has no password.',
  in_service_1: 'Sign in with the identifier {identifier}.',
  in_service_2:
    'In the password field, type the passcode: {pin} directly followed by the {digits} digits of the key.',
  in_service_3:
    'You are in. Sign out and use the same passcode again: it is refused until the key shows new digits.',
  unused_1:
    'Sign in with the identifier {identifier} and, as the password, the {digits} digits of the key.',
  unused_2: 'Choose a PIN for the key, and type it twice.',
  unused_3:
    'Wait until the key shows new digits, then type the PIN directly followed by them. From then on this is how to sign in.',
  first_start:
    'All this is as at the first start. To begin again, stop the demonstration and delete its data folder.',
} as const

export type KeyTextKey = keyof typeof en

const fr: Record<KeyTextKey, string> = {
  keys_title: 'Les clés OTP',
  keys_intro:
    'Sur cette page, vous tenez les deux clés en main. Gardez-la ouverte à côté de la page de connexion\u00a0; chaque code ne sert qu’une fois.',
  keys_link: 'Prendre les clés en main (nouvel onglet)',
  keys_back: 'Retour au début',
  try_title: 'Essayer une clé OTP',
  serial: 'N°\u00a0{serial}',
  left: 'Nouveau code dans {seconds}\u00a0s',
  reload: 'Afficher les codes actuels',
  unreachable: 'La démonstration ne répond pas. Est-elle encore en marche\u00a0?',
  in_service: 'Clé {serial}, en service. Son code PIN est {pin}.',
  unused:
    'Clé {serial}, jamais utilisée\u00a0: pas encore de code PIN, et {identifier} n’a pas de mot de passe.',
  in_service_1: 'Connectez-vous avec l’identifiant {identifier}.',
  in_service_2:
    'Dans le champ du mot de passe, saisissez le passcode\u00a0: {pin} directement suivi des {digits} chiffres de la clé.',
  in_service_3:
    'Vous êtes connecté. Déconnectez-vous et redonnez le même passcode\u00a0: il est refusé tant que la clé n’affiche pas de nouveaux chiffres.',
  unused_1:
    'Connectez-vous avec l’identifiant {identifier} et, comme mot de passe, les {digits} chiffres de la clé.',
  unused_2: 'Choisissez un code PIN pour la clé et saisissez-le deux fois.',
  unused_3:
    'Attendez que la clé affiche de nouveaux chiffres, puis saisissez le code PIN directement suivi de ces chiffres. C’est ainsi que l’on se connecte désormais.',
  first_start:
    'Tout ceci vaut au premier démarrage. Pour recommencer, arrêtez la démonstration et supprimez son dossier de données.',
}

const TEXTS: Readonly<Record<Locale, Record<KeyTextKey, string>>> = { en, fr }

/** The text of a key, each `{name}` in it replaced by the value of that name. */
export function keyText(
  locale: Locale,
  key: KeyTextKey,
  values: Readonly<Record<string, string | number | null>> = {},
): string {
  return TEXTS[locale][key].replace(/\{(\w+)\}/g, (_, name: string) => `${values[name] ?? ''}`)
}
