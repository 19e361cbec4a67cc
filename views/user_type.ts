/** Every kind of person that a school signs in, as pages and messages name them. */
export type UserType =
  | 'teacher'
  | 'staff'
  | 'student'
  | 'guardian'
  | 'inspector'
  | 'internship_counsellor'
