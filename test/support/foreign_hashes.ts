/** The password of all the hashes below. */
export const MOVED = 'Tilleul-Papier-27é'

/** Hashes of `MOVED` as other systems write them, made with Python, Perl and the argon2 library. */
export const FOREIGN_HASHES = {
  argon2id:
    '$argon2id$v=19$m=4096,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$ZDB2OLvSVoSmN0T/W/SxMG7jkmckkHAfKKDA/8rkxxI',
  'argon2id, of a directory':
    '{ARGON2}$argon2id$v=19$m=4096,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$ZDB2OLvSVoSmN0T/W/SxMG7jkmckkHAfKKDA/8rkxxI',
  'argon2i, in another order':
    '$argon2i$v=19$m=4096,p=2,t=3$MDEyMzQ1Njc4OWFiY2RlZg$k04why4GLnej/WKTQNVVvFjhIp1ErFTSxH3bSMkksXo',
  'argon2d, of the first version':
    '$argon2d$m=4096,t=3,p=2$MDEyMzQ1Njc4OWFiY2RlZg$XFChx84eUgRR5eUoo/a8m95cbl4TKu0fREkqcoEqERY',
  'bcrypt 2b': '$2b$08$abcdefghijklmnopqrstuuXTHU7RUlUJI4HABggU2mE8GDGd8a9Wy',
  'bcrypt 2a, of a directory':
    '{CRYPT}$2a$08$abcdefghijklmnopqrstuuXTHU7RUlUJI4HABggU2mE8GDGd8a9Wy',
  'bcrypt 2y': '{BCRYPT}$2y$10$abcdefghijklmnopqrstuuSjcmnNhdqGD0EtQKM2KxFct7hOWYb8q',
  'PBKDF2 with SHA-1': '$pbkdf2$29000$2R4/ch/LGXEXRJTWSTydXA$mwH5tSmQxzkiet.Dm.9oU/fLyVk',
  'PBKDF2 with SHA-256':
    '$pbkdf2-sha256$29000$NGC.MSAeaf7aoO7ouZl/XA$tz/4ifLQigjNke96.CVpcIs4gptcuuohejDRmjxuaGg',
  'PBKDF2 with SHA-512':
    '$pbkdf2-sha512$29000$fCmZ/a/lkyU81lSvTfrXFA$Y.RjaIOV2A/WY.bosxhzQNdHV6MVrhNwmZ8k2aNkyvX.t.xmKuwdmPlp6vAQ8K1M5yId18zYimD4M.oXefuF2Q',
  'PBKDF2 with SHA-1, of a directory':
    '{PBKDF2}10000$sQvstVY7/B5vk0J.y8j.KQ$BExGnVC5Bna9R8NcjZVabcNz.k8',
  'PBKDF2 with SHA-256, of a directory':
    '{PBKDF2-SHA256}10000$J6Cus/7pIy.K8iEfnuSRxQ$EtutmLzZEwhPUJTPuk1GGSFmhVkKU9sRESVe9OFCbGQ',
  'PBKDF2 with SHA-512, of a directory':
    '{PBKDF2-SHA512}10000$VeXNjkbcjtS3wnZNKlpNdg$fmEE1EyurXSmhG0uYlo74sJi26g7JVvqUQBamKuxO.XWHwhIz/h45AX1vWzWZDfm54UtI2nr8mLDEEtfudbDWg',
  'PBKDF2 with SHA-256, of Django':
    'pbkdf2_sha256$30000$Sa1tOfDjango0123456789$cRYaoeu5hBAVEXFRF35E/+CS2vQon/HB7oznDNeejFg=',
  'PBKDF2 with SHA-1, of Django':
    'pbkdf2_sha1$30000$Sa1tOfDjango0123456789$fpXiqSvZSoF3ty24d+UfoT+xzDA=',
  'SSHA, its salt of 4 bytes': '{SSHA}YBrqswOCCdrBrD6BM6tnpBp+jZB3Bvhd',
  SSHA256: '{SSHA256}27YcZAUJhfLnt2c748Kw1XYcWNp4+s2qBU81pB3Z2laGkAJK1r2jQA==',
  SSHA512:
    '{ssha512}x/oXL+y6ZQ5pRX7QrvqCYkj20S63XLqnwDva/lQCTKHGcKuO59IioXUZXvXW8nvrN+a4TbXiJRDAZzc9GVHvWRvpyMvMyTX2zR9hImrhUzg=',
} as const
