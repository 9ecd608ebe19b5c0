// Seals values as kubeseal does, with the browser's own cryptography. Nothing here sends anything.

const SESSION_KEY_BYTES = 32;
const NONCE = new Uint8Array(12); // all zero, which is safe because every value has its own session key
const PREFIX = "sealedsecrets.bitnami.com/";
const DNS_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DATA_KEY = /^[-._a-zA-Z0-9]{1,253}$/;
const SCOPES = ["strict", "namespace-wide", "cluster-wide"];

export class InputError extends Error {}

// Return what stands in the way of a manifest, an empty text if nothing does.
export function problem({ namespace, name, scope, type, keys }) {
  if (!LABEL.test(namespace) || namespace.length > 63) return "Namespace: lower-case letters, digits and -, 63 characters at most";
  if (!DNS_NAME.test(name) || name.length > 253) return "Name: lower-case letters, digits, - and ., 253 characters at most";
  if (!SCOPES.includes(scope)) return "Scope: strict, namespace-wide or cluster-wide";
  if (!type) return "Type: must not be empty";
  if (!keys.length) return "Data: add a key";
  const odd = keys.find((key) => !DATA_KEY.test(key));
  if (odd !== undefined) return `Key ${JSON.stringify(odd)}: letters, digits, -, _ and . only`;
  const twice = keys.find((key, at) => keys.indexOf(key) !== at);
  return twice === undefined ? "" : `Key ${twice}: it is there twice`;
}

// Return the public key of the first certificate in a PEM text, ready to encrypt.
export async function publicKey(pem) {
  const found = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END CERTIFICATE-----/.exec(pem);
  if (!found) throw new InputError("the cluster's answer is no certificate");
  const der = Uint8Array.from(atob(found[1].replace(/\s/g, "")), (each) => each.charCodeAt(0));
  const spki = subjectPublicKeyInfo(der);
  return crypto.subtle.importKey("spki", spki, { name: "RSA-OAEP", hash: "SHA-256" }, false, ["encrypt"]);
}

// Return the label that binds a value to its scope.
export function boundTo(scope, namespace, name) {
  return { strict: `${namespace}/${name}`, "namespace-wide": namespace, "cluster-wide": "" }[scope];
}

// Return the base64 text of a newly sealed value: length, wrapped session key, encrypted value.
export async function sealed(key, plaintext, label) {
  const session = crypto.getRandomValues(new Uint8Array(SESSION_KEY_BYTES));
  const oaep = { name: "RSA-OAEP", label: new TextEncoder().encode(label) };
  const wrapped = new Uint8Array(await crypto.subtle.encrypt(oaep, key, session));
  const aes = await crypto.subtle.importKey("raw", session, "AES-GCM", false, ["encrypt"]);
  const body = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: NONCE }, aes, plaintext));
  const blob = new Uint8Array(2 + wrapped.length + body.length);
  blob.set([wrapped.length >> 8, wrapped.length & 255]);
  blob.set(wrapped, 2);
  blob.set(body, 2 + wrapped.length);
  return base64(blob);
}

// Return the manifest as YAML; texts are JSON strings, which are YAML too.
export function manifest({ namespace, name, scope, type }, encrypted) {
  const note = scope === "strict" ? [] : [`annotations:`, `  ${PREFIX}${scope}: "true"`];
  const meta = [...note, `name: ${quoted(name)}`, `namespace: ${quoted(namespace)}`];
  const data = Object.keys(encrypted).sort().map((key) => `${quoted(key)}: ${encrypted[key]}`);
  return [
    "apiVersion: bitnami.com/v1alpha1",
    "kind: SealedSecret",
    "metadata:",
    ...indented(meta, 2),
    "spec:",
    "  encryptedData:",
    ...indented(data, 4),
    "  template:",
    "    metadata:",
    ...indented(meta, 6),
    `    type: ${quoted(type)}`,
    "",
  ].join("\n");
}

// Seal all entries (key -> bytes) and return the manifest.
export async function sealedManifest(pem, about, entries) {
  const wrong = problem({ ...about, keys: entries.map(([key]) => key) });
  if (wrong) throw new InputError(wrong);
  const key = await publicKey(pem);
  const label = boundTo(about.scope, about.namespace, about.name);
  const encrypted = {};
  for (const [name, plaintext] of entries) encrypted[name] = await sealed(key, plaintext, label);
  return manifest(about, encrypted);
}

function quoted(text) {
  return JSON.stringify(text);
}

function indented(lines, spaces) {
  return lines.map((line) => " ".repeat(spaces) + line);
}

function base64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

// Return the SubjectPublicKeyInfo of a certificate in DER (RFC 5280, section 4.1).
function subjectPublicKeyInfo(der) {
  const certificate = element(der, 0);
  const signed = element(der, certificate.start);
  let at = signed.start;
  if (der[at] === 0xa0) at = element(der, at).end; // the version, which is optional
  for (let skipped = 0; skipped < 5; skipped += 1) at = element(der, at).end; // serial, algorithm, issuer, validity, subject
  return der.subarray(at, element(der, at).end);
}

// Return where the content of a DER element starts and ends (X.690, section 8.1).
function element(der, at) {
  let length = der[at + 1];
  let start = at + 2;
  if (length & 0x80) {
    const bytes = length & 0x7f;
    length = 0;
    for (let each = 0; each < bytes; each += 1) length = length * 256 + der[start + each];
    start += bytes;
  }
  const end = start + length;
  if (!(end <= der.length)) throw new InputError("the cluster's certificate cannot be read");
  return { start, end };
}
