import { render } from "preact";
import { App } from "./app";
import { comeBack, isReturn } from "./login/return";
import { begin } from "./session";
import { collect } from "./trends/sampled";
import { keepFocus } from "./ui/focus";
import "./styles/app.css";

const root = document.getElementById("app");
keepFocus();
collect();
if (root) render(<App />, root);
void (isReturn() ? comeBack() : begin());
