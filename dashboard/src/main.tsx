import { render } from "preact";
import { App } from "./app";
import { begin } from "./session";
import "./styles/app.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
void begin();
