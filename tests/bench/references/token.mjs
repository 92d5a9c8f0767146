// HS256 with node:crypto.
import { createHmac, timingSafeEqual } from "node:crypto";

const secret = process.env.PRESENCE_JWT_SECRET;

// The claims of a token that is signed with the secret and still in force, or nothing.
export function verified(token) {
  const parts = token.split(".");
  const [header, payload, signature] = parts.map((part) => Buffer.from(part, "base64url"));
  if (!signature || JSON.parse(header).alg !== "HS256") return undefined;
  const signed = `${parts[0]}.${parts[1]}`;
  const expected = createHmac("sha256", secret).update(signed).digest();
  if (signature.length !== expected.length) return undefined;
  if (!timingSafeEqual(signature, expected)) return undefined;
  const claims = JSON.parse(payload);
  return claims.exp > Date.now() / 1000 ? claims : undefined;
}
