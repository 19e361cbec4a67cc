import {
  APPLICATIONS_PATH,
  showApplication,
  showApplications,
  showClaims,
  showConnect,
  showEditApplication,
  showNewApplication,
  showRemove,
  showRotate,
  showTest,
  showTested,
  submitClaims,
  submitEditApplication,
  submitEndSecret,
  submitNewApplication,
  submitRemove,
  submitRotate,
  submitTest,
} from './applications.ts'
import { TEST_RETURN_PATH } from './applications_part.ts'
import type { ConsoleRoute } from './dispatch.ts'
import { showSubjects, submitSubject } from './subjects.ts'

const ONE = `${APPLICATIONS_PATH}/:client`

/** Addresses of applications; `new` comes before those of one that might bear that name. */
export const APPLICATION_ROUTES: readonly ConsoleRoute[] = [
  ['get', APPLICATIONS_PATH, 'see_applications', 'applications', showApplications],
  ['get', `${APPLICATIONS_PATH}/new`, 'change_applications', 'applications', showNewApplication],
  ['post', `${APPLICATIONS_PATH}/new`, 'change_applications', 'applications', submitNewApplication],
  ['get', ONE, 'see_applications', 'applications', showApplication],
  ['get', `${ONE}/edit`, 'change_applications', 'applications', showEditApplication],
  ['post', `${ONE}/edit`, 'change_applications', 'applications', submitEditApplication],
  ['get', `${ONE}/rotate`, 'change_applications', 'applications', showRotate],
  ['post', `${ONE}/rotate`, 'change_applications', 'applications', submitRotate],
  ['post', `${ONE}/end-secret`, 'change_applications', 'applications', submitEndSecret],
  ['get', `${ONE}/remove`, 'change_applications', 'applications', showRemove],
  ['post', `${ONE}/remove`, 'change_applications', 'applications', submitRemove],
  ['get', `${ONE}/connect`, 'see_applications', 'applications', showConnect],
  ['get', `${ONE}/claims`, 'preview_claims', 'applications', showClaims],
  ['post', `${ONE}/claims`, 'preview_claims', 'applications', submitClaims],
  ['get', `${ONE}/test`, 'see_applications', 'applications', showTest],
  ['post', `${ONE}/test`, 'see_applications', 'applications', submitTest],
  ['get', TEST_RETURN_PATH, 'see_applications', 'applications', showTested],
  ['get', '/admin/subjects', 'look_up_subject', 'people', showSubjects],
  ['post', '/admin/subjects', 'look_up_subject', 'people', submitSubject],
]
