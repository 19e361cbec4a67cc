import type { ConsoleRoute } from './dispatch.ts'
import {
  editAgain,
  POLICIES_PATH,
  previewPolicy,
  savePolicy,
  showPolicies,
  showPolicy,
  VERSIONS_PATH,
} from './policies.ts'
import {
  askUndo,
  compareVersions,
  showVersion,
  showVersions,
  undoVersion,
} from './policy_versions.ts'
import { runSimulator, showSimulator } from './simulator.ts'

const TYPE = `${POLICIES_PATH}/:type`
const VERSION = `${VERSIONS_PATH}/:id`

/**
 * Addresses of policies and of the simulator; `versions` comes before what might be a type. A
 * preview changes nothing: it asks for no more than looking does.
 */
export const POLICY_ROUTES: readonly ConsoleRoute[] = [
  ['get', POLICIES_PATH, 'see_policies', 'policies', showPolicies],
  ['get', VERSIONS_PATH, 'see_policies', 'policies', showVersions],
  ['get', `${VERSIONS_PATH}/compare`, 'see_policies', 'policies', compareVersions],
  ['get', VERSION, 'see_policies', 'policies', showVersion],
  ['get', `${VERSION}/undo`, 'change_policies', 'policies', askUndo],
  ['post', `${VERSION}/undo`, 'change_policies', 'policies', undoVersion],
  ['get', TYPE, 'see_policies', 'policies', showPolicy],
  ['post', TYPE, 'see_policies', 'policies', previewPolicy],
  ['post', `${TYPE}/edit`, 'see_policies', 'policies', editAgain],
  ['post', `${TYPE}/save`, 'change_policies', 'policies', savePolicy],
  ['get', '/admin/simulator', 'simulate', 'simulator', showSimulator],
  ['post', '/admin/simulator', 'simulate', 'simulator', runSimulator],
]
