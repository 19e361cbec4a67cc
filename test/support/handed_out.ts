import type { Selection } from '../../accounts/ports.ts'
import { type Card, generatePasswords } from '../../accounts/temporary_passwords.ts'
import type { Gateway } from '../../provider/wire.ts'

/** The school gives everybody of a selection a temporary password: the cards, by identifier. */
export const handOut = async (
  { gateway }: { readonly gateway: Gateway },
  selection: Selection,
): Promise<ReadonlyMap<string, Card>> => {
  const { deps, endEverythingOf } = gateway.core
  const cards = new Map<string, Card>()
  const generation = { selection, keepPersonal: false, by: 'test', dryRun: false }
  const generated = await generatePasswords(deps, endEverythingOf, generation, async () => ({
    write: async (card) => {
      cards.set(card.identifier, card)
    },
    close: async () => ({ files: [] }),
    abandon: async () => {},
  }))
  if (!generated.ok) {
    throw new Error(`no cards: ${generated.reason}`)
  }
  return cards
}

/** What stands on somebody's card. */
export const cardOf = (cards: ReadonlyMap<string, Card>, identifier: string): Card => {
  const card = cards.get(identifier)
  if (card === undefined) {
    throw new Error(`${identifier} got no card`)
  }
  return card
}
