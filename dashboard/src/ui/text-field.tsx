// A field with its label, its hint, and what is wrong with it.
export interface Field {
  /** As in `BadRequest.field`. */
  path: string;
  label: string;
  hint: string;
  placeholder?: string;
  /** What the browser offers. */
  choices?: () => string[];
  type?: "text" | "email";
  inputMode?: "decimal" | "numeric";
  /** The most characters. They are counted when it gets close; what is pasted is never cut. */
  longest?: number;
}

interface Props {
  field: Field;
  text: string;
  fault: string | undefined;
  onInput(text: string): void;
  onLeave?(): void;
}

export function TextField({ field, text, fault, onInput, onLeave }: Props) {
  const id = `field-${field.path.replaceAll(".", "-")}`;
  const choices = field.choices?.();
  return (
    <div class={fault ? "field wrong" : "field"}>
      <label for={id}>{field.label}</label>
      <input
        id={id}
        name={field.path}
        type={field.type ?? "text"}
        inputMode={field.inputMode}
        value={text}
        placeholder={field.placeholder}
        list={choices?.length ? `${id}-choices` : undefined}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={fault ? "true" : undefined}
        aria-describedby={`${id}-hint${fault ? ` ${id}-fault` : ""}`}
        onInput={(event) => onInput(event.currentTarget.value)}
        onChange={onLeave}
      />
      {choices && choices.length > 0 && (
        <datalist id={`${id}-choices`}>
          {choices.map((choice) => (
            <option key={choice} value={choice} />
          ))}
        </datalist>
      )}
      <Fault id={`${id}-fault`} text={fault} />
      <p class="hint" id={`${id}-hint`}>
        {field.hint}
        {counted(text, field.longest)}
      </p>
    </div>
  );
}

function counted(text: string, longest: number | undefined): string {
  const length = [...text].length;
  return longest !== undefined && length > longest * 0.8 ? ` ${length} of ${longest} characters.` : "";
}

export function Fault({ id, text }: { id: string; text: string | undefined }) {
  if (!text) return null;
  return (
    <p class="fault" id={id}>
      {text.charAt(0).toUpperCase() + text.slice(1)}
    </p>
  );
}
