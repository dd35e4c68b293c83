/**
 * Text of a host's, or of a file's, as it may be shown: control characters, which a terminal would obey, as their
 * codes. Newlines and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(
    /(?![\n\t])[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\x${character.codePointAt(0)?.toString(16).padStart(2, "0")}`,
  );
}
