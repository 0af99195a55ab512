import { render } from "preact";
import { App } from "./app";
import { comeBack, isReturn } from "./login/return";
import { begin } from "./session";
import { keepFocus } from "./ui/focus";
import "./styles/app.css";

const root = document.getElementById("app");
keepFocus();
if (root) render(<App />, root);
void (isReturn() ? comeBack() : begin());
