import { Document, isMap, isScalar, isSeq, type YAMLMap } from 'yaml'
import type { Policy, PolicySet } from '../policies/policy.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import { POLICY_COMMENTS } from './policy_advice.ts'

/** Puts each comment above its rule, and lists on one line. */
const annotate = (map: YAMLMap, prefix: string): void => {
  for (const { key, value } of map.items) {
    const path = `${prefix}${isScalar(key) ? String(key.value) : ''}`
    const comment = POLICY_COMMENTS[path]
    if (isScalar(key) && comment !== undefined) {
      key.commentBefore = ` ${comment}`
    }
    if (isMap(value)) {
      annotate(value, `${path}.`)
    }
  }
}

const flowLists = (map: YAMLMap): void => {
  for (const { value } of map.items) {
    if (isSeq(value)) {
      value.flow = true
    }
    if (isMap(value)) {
      flowLists(value)
    }
  }
}

const HEAD = ` Policies, one for each user type. Check with "policy check", put in force with "policy apply".
 The first is commented; the others have the same rules. A type left out stays as it is,
 a rule left out of a type has its default.`

/** The text of a file that, applied, changes nothing. */
export const writePolicyFile = (policies: PolicySet): string => {
  const ordered: [UserType, Policy][] = USER_TYPES.map((type) => [type, policies[type]])
  const document = new Document(
    { policies: Object.fromEntries(ordered) },
    { aliasDuplicateObjects: false },
  )
  document.commentBefore = HEAD
  const root = document.get('policies')
  if (isMap(root)) {
    flowLists(root)
    const first = root.items[0]?.value
    if (isMap(first)) {
      annotate(first, '')
    }
  }
  return document.toString({ lineWidth: 0 })
}
